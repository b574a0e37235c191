/* What a bridge says about the other nodes, as events that every actor of its process may subscribe to:
 *
 *     .subscribe = MAIKO_TOPICS(MAIKO_TOPIC_PEER)
 *
 *     const maiko_peer_report *report = maiko_event_as(envelope, maiko_peer_report);
 *     if (report != NULL && report->news == MAIKO_PEER_DOWN)
 *         printf("%s: %s\n", report->peer, report->reason);
 *
 * Only the bridge of the own process sends them, and they never leave it.  As all events below `$sys/` they hold nobody: a
 * mailbox without room loses the oldest. */
#ifndef MAIKO_PEER_H
#define MAIKO_PEER_H

#include <maiko/event.h>

#define MAIKO_TOPIC_PEER "$sys/peer"

/** What has happened. */
#define MAIKO_PEER_NEWS_LABELS(L)                                                                                                \
    L(MAIKO_PEER_UP, 0, "up")           /* the two have met: versions, space and keys agree */                                   \
    L(MAIKO_PEER_READY, 1, "ready")     /* all our imports are armed there; after stalled: it has caught up */                   \
    L(MAIKO_PEER_GAP, 2, "gap")         /* events for us are lost: `lost` of them, `reason` why */                               \
    L(MAIKO_PEER_STALLED, 3, "stalled") /* it takes nothing, or says nothing but lives: `reason`.  What it misses is counted */  \
    L(MAIKO_PEER_DOWN, 4, "down")       /* the session is over, or nobody answers where we connect */                            \
    L(MAIKO_PEER_REFUSED, 5, "refused") /* somebody was refused, by us or by the other side */                                   \
    L(MAIKO_PEER_FAILED, 6, "failed")   /* the import or export of `pattern` ended: overflow under MAIKO_FAIL */
MAIKO_ENUM(maiko_peer_news, MAIKO_PEER_NEWS_LABELS)

/** `reason` is one of the words that maiko_peer(3) lists; `text` is for people.  What does not fit is cut. */
#define MAIKO_PEER_REPORT_FIELDS(F)                                                                                              \
    F(ENUM, news, maiko_peer_news)                                                                                               \
    F(STRING, peer, 256)    /* name of the other node; where we connect, or where it comes from, while that is unknown */        \
    F(STRING, reason, 64)   /* a word; "" for up and ready */                                                                    \
    F(STRING, text, 256)    /* "": the word says it all */                                                                       \
    F(STRING, pattern, 256) /* refused and failed: the pattern or topic it is about; "": the whole link */                       \
    F(UINT64, lost)         /* gap: events; 0 when nobody knows, see is_lost_known */                                            \
    F(BOOL, is_lost_known)                                                                                                       \
    F(BOOL, is_ours)      /* refused: by us; failed: an import of ours */                                                        \
    F(UINT64, unreported) /* reports since the one before this that found no room on their way */
MAIKO_EVENT_WITH(maiko_peer_report, MAIKO_TOPIC_PEER, MAIKO_PEER_REPORT_FIELDS, .overflow = MAIKO_DROP_OLDEST)

#endif
