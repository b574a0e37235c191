/* Status codes: the one error vocabulary of the library.  0 is success, errors are negative, and a number is
 * never used again for another meaning. */
#ifndef MAIKO_STATUS_H
#define MAIKO_STATUS_H

#include <maiko/base.h>

/* X(name, number, text); the enum, maiko_strerror() and the man page come from this table. */
#define MAIKO_STATUS_MAP(X)                                                                                                      \
    X(MAIKO_OK, 0, "success")                                                                                                    \
    X(MAIKO_EINVAL, -1, "invalid argument")                                                                                      \
    X(MAIKO_ENOMEM, -2, "out of memory, or the memory cap is reached")                                                           \
    X(MAIKO_EFULL, -3, "mailbox is full")                                                                                        \
    X(MAIKO_ECLOSED, -4, "receiver or runtime is stopped")                                                                       \
    X(MAIKO_EEXIST, -5, "already exists")                                                                                        \
    X(MAIKO_ENOTFOUND, -6, "not found")                                                                                          \
    X(MAIKO_ENOTSUP, -7, "not supported")                                                                                        \
    X(MAIKO_ESTATE, -8, "not allowed in this state")                                                                             \
    X(MAIKO_ETHREAD, -9, "not allowed from this thread or hook")                                                                 \
    X(MAIKO_EFORKED, -10, "not usable in a forked child")                                                                        \
    X(MAIKO_EDEADLOCK, -11, "refused to resolve a deadlock")                                                                     \
    X(MAIKO_ETIMEDOUT, -12, "deadline passed")                                                                                   \
    X(MAIKO_ETOOLONG, -13, "too long")                                                                                           \
    X(MAIKO_EUTF8, -14, "not valid UTF-8")                                                                                       \
    X(MAIKO_ETOPIC, -15, "invalid topic name or pattern")                                                                        \
    X(MAIKO_ETYPE, -16, "wrong or unknown event type or schema")                                                                 \
    X(MAIKO_ELIMIT, -17, "a configured limit is reached")                                                                        \
    X(MAIKO_ECONFLICT, -18, "contradicts an earlier declaration")                                                                \
    X(MAIKO_EPERM, -19, "not permitted")                                                                                         \
    X(MAIKO_ESYSTEM, -20, "a system call failed")                                                                                \
    X(MAIKO_EINTERNAL, -21, "internal invariant broken, please report")                                                          \
    X(MAIKO_EACTOR, -22, "an actor failed")                                                                                      \
    X(MAIKO_EPROTOCOL, -23, "the other side broke the protocol")                                                                 \
    X(MAIKO_ENAME, -24, "invalid or reserved name")                                                                              \
    X(MAIKO_EUNDECLARED, -25, "topic is not in the publish list")

typedef enum maiko_status {
#define MAIKO_STATUS_ENUM_(name, number, text) name = number,
    MAIKO_STATUS_MAP(MAIKO_STATUS_ENUM_)
#undef MAIKO_STATUS_ENUM_
} maiko_status;

MAIKO_BEGIN_DECLS

/**
 * What a status means, in words.
 *
 * @param status any number, also one this version does not know.
 * @return a constant text without a final full stop; "unknown status" for numbers outside the table.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API const char *maiko_strerror(maiko_status status);

/** The enum's own name, such as "MAIKO_EFULL"; "MAIKO_E?" outside the table.  Threads: any.  Blocking: never. */
MAIKO_API const char *maiko_status_name(maiko_status status);

/**
 * Turn a status into the exit code of a process, for `return maiko_exit_code(...)` in main().
 *
 * @return 0 (EXIT_SUCCESS) for MAIKO_OK and 1 (EXIT_FAILURE) for everything else: scripts test for failure,
 *         the reason is for the log.
 *
 * Threads: any.  Blocking: never.
 */
MAIKO_API int maiko_exit_code(maiko_status status);

MAIKO_END_DECLS

#endif
