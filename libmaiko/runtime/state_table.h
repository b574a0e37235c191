/* State table: what every call answers in every state of the supervisor.  The manual renders it (maiko_supervisor(3)) and
 * a test executes every cell.
 *
 * OK stands for MAIKO_OK, WAITS for MAIKO_OK after blocking until a stop was asked for or is over, NONE for a cell that cannot
 * be: before start no actor has a context.  The first four columns are calls from threads outside the runtime, HOOK is a call
 * from a hook of a running actor with its own context, CHILD a call in a forked child while the parent runs. */
#ifndef RUNTIME_STATE_TABLE_H
#define RUNTIME_STATE_TABLE_H

/* X(call, NEW, RUNNING, STOPPING, STOPPED, HOOK, CHILD) */
#define STATE_TABLE(X)                                                                                                           \
    X(maiko_supervisor_add, OK, OK, ESTATE, ECLOSED, OK, EFORKED)                                                                \
    X(maiko_supervisor_remove, ESTATE, OK, ESTATE, ECLOSED, OK, EFORKED)                                                         \
    X(maiko_supervisor_start, OK, ESTATE, ESTATE, ESTATE, ESTATE, EFORKED)                                                       \
    X(maiko_supervisor_join, ESTATE, WAITS, WAITS, OK, ETHREAD, EFORKED)                                                         \
    X(maiko_supervisor_run, WAITS, ESTATE, ESTATE, ESTATE, ETHREAD, EFORKED)                                                     \
    X(maiko_supervisor_poll, ESTATE, OK, ECLOSED, ECLOSED, ETHREAD, EFORKED)                                                     \
    X(maiko_supervisor_request_stop, OK, OK, OK, OK, OK, EFORKED)                                                                \
    X(maiko_supervisor_halt, OK, OK, WAITS, OK, ETHREAD, EFORKED)                                                                \
    X(maiko_supervisor_stop, OK, OK, WAITS, OK, ETHREAD, EFORKED)                                                                \
    X(maiko_supervisor_status, OK, OK, OK, OK, OK, EFORKED)                                                                      \
    X(maiko_importer_new, OK, ESTATE, ESTATE, ESTATE, ESTATE, EFORKED)                                                           \
    X(maiko_send_as_supervisor, OK, OK, ECLOSED, ECLOSED, OK, EFORKED)                                                           \
    X(maiko_try_send_as_supervisor, OK, OK, ECLOSED, ECLOSED, OK, EFORKED)                                                       \
    X(maiko_send, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                                  \
    X(maiko_reserve, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                               \
    X(maiko_subscribe, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                             \
    X(maiko_unsubscribe, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                           \
    X(maiko_finish, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                                \
    X(maiko_stop, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)                                                                  \
    X(maiko_stop_runtime, NONE, OK, OK, ECLOSED, OK, EFORKED)                                                                    \
    X(maiko_hold_new, NONE, ETHREAD, ETHREAD, ECLOSED, OK, EFORKED)

#endif
