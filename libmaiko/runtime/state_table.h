/* State table: what every call answers in every state of the supervisor.  The manual renders it (maiko_supervisor(3)) and
 * a test executes every cell.
 *
 * OK stands for MAIKO_OK, WAITS for MAIKO_OK after blocking until a stop was asked for or is over, NONE for a cell that cannot
 * be: before start no actor has a context and there is no event, and to the last hook none is lent.  Of a descriptor OK is one
 * and NO_FD is -1.  The first four columns are
 * calls from threads outside the runtime, HOOK is a call from a hook of a running actor with its own context, ON_STOP one from
 * its last hook while the supervisor stops, CHILD a call in a forked child while the parent runs. */
#ifndef RUNTIME_STATE_TABLE_H
#define RUNTIME_STATE_TABLE_H

/* X(call, NEW, RUNNING, STOPPING, STOPPED, HOOK, ON_STOP, CHILD) */
#define STATE_TABLE(X)                                                                                                           \
    X(maiko_supervisor_add, OK, OK, ESTATE, ECLOSED, OK, ESTATE, EFORKED)                                                        \
    X(maiko_supervisor_remove, ESTATE, OK, ESTATE, ECLOSED, OK, ESTATE, EFORKED)                                                 \
    X(maiko_supervisor_start, OK, ESTATE, ESTATE, ESTATE, ESTATE, ESTATE, EFORKED)                                               \
    X(maiko_supervisor_join, ESTATE, WAITS, WAITS, OK, ETHREAD, ETHREAD, EFORKED)                                                \
    X(maiko_supervisor_run, WAITS, ESTATE, ESTATE, ESTATE, ETHREAD, ETHREAD, EFORKED)                                            \
    X(maiko_supervisor_poll, ESTATE, OK, ECLOSED, ECLOSED, ETHREAD, ETHREAD, EFORKED)                                            \
    X(maiko_supervisor_fd, OK, OK, OK, OK, OK, OK, EFORKED)                                                                      \
    X(maiko_supervisor_request_stop, OK, OK, OK, OK, OK, OK, EFORKED)                                                            \
    X(maiko_supervisor_halt, OK, OK, WAITS, OK, ETHREAD, ETHREAD, EFORKED)                                                       \
    X(maiko_supervisor_stop, OK, OK, WAITS, OK, ETHREAD, ETHREAD, EFORKED)                                                       \
    X(maiko_supervisor_status, OK, OK, OK, OK, OK, OK, EFORKED)                                                                  \
    X(maiko_supervisor_counters, OK, OK, OK, OK, OK, OK, EFORKED)                                                                \
    X(maiko_supervisor_to_json, OK, OK, OK, OK, OK, OK, EFORKED)                                                                 \
    X(maiko_supervisor_to_mermaid, OK, OK, OK, OK, OK, OK, EFORKED)                                                              \
    X(maiko_importer_new, OK, ESTATE, ESTATE, ESTATE, ESTATE, ESTATE, EFORKED)                                                   \
    X(maiko_importer_send, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                                       \
    X(maiko_importer_finish, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                                     \
    X(maiko_import_path_new, OK, OK, OK, OK, OK, OK, EFORKED)                                                                    \
    X(maiko_import_reserve, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                                      \
    X(maiko_importer_flush, OK, OK, OK, OK, OK, OK, EFORKED)                                                                     \
    X(maiko_importer_adopt, OK, OK, OK, OK, OK, OK, EFORKED)                                                                     \
    X(maiko_send_as_supervisor, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                                  \
    X(maiko_try_send_as_supervisor, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                              \
    X(maiko_send_child_as_supervisor, NONE, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                          \
    X(maiko_commit_as_supervisor, OK, OK, ECLOSED, ECLOSED, OK, ECLOSED, EFORKED)                                                \
    X(maiko_send, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                              \
    X(maiko_send_child, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                        \
    X(maiko_send_event, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                        \
    X(maiko_reserve, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                           \
    X(maiko_commit, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                            \
    X(maiko_abandon, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                           \
    X(maiko_subscribe, NONE, ETHREAD, ETHREAD, ECLOSED, OK, ECLOSED, EFORKED)                                                    \
    X(maiko_unsubscribe, NONE, ETHREAD, ETHREAD, ECLOSED, OK, ENOTFOUND, EFORKED)                                                \
    X(maiko_finish, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                            \
    X(maiko_stop, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                              \
    X(maiko_stop_runtime, NONE, OK, OK, ECLOSED, OK, OK, EFORKED)                                                                \
    X(maiko_context_stop_fd, NONE, NO_FD, NO_FD, NO_FD, OK, OK, NO_FD)                                                           \
    X(maiko_hold_new, NONE, ETHREAD, ETHREAD, ECLOSED, OK, OK, EFORKED)                                                          \
    X(maiko_hold_sender, NONE, ETHREAD, ETHREAD, ECLOSED, OK, NONE, EFORKED)                                                     \
    X(maiko_hold_release, NONE, OK, OK, OK, OK, OK, EFORKED)                                                                     \
    X(maiko_envelope_keep, NONE, OK, OK, OK, OK, OK, OK)                                                                         \
    X(maiko_envelope_unref, NONE, OK, OK, OK, OK, OK, OK)

#endif
