/* News: what happens to peers, as a line for people and as an event on `$sys/peer`.  The bridge's thread. */
#ifndef NODE_NEWS_H
#define NODE_NEWS_H

#include <maiko/base.h>
#include <maiko/peer.h>
#include <maiko/status.h>

struct node_peer;
struct peer_notice;
struct maiko_bridge;

/* Texts may be NULL. */
struct node_news {
    maiko_peer_news news;
    const char *peer;
    const char *reason;
    const char *text;
    const char *pattern;
    uint64_t lost;
    bool is_lost_known;
    bool is_ours;
};

/* Before the supervisor starts. */
MAIKO_MUST_CHECK maiko_status node_news_set_up(struct maiko_bridge *bridge);

/* The event alone. */
void node_news_send(struct maiko_bridge *bridge, const struct node_news *news);

/* What a peer's state machine says, on both ways; `name` is for people. */
void node_news_of_peer(struct maiko_bridge *bridge, const char *name, const struct peer_notice *notice);

/* A refusal of ours: one line, one event, one count.  `pattern` may be NULL.  Past NEWS_REFUSALS_AT_ONCE of them
 * NEWS_REFUSALS_PER_SECOND are told, so that nobody fills a log; the next that is told says how many were not. */
enum { NEWS_REFUSALS_AT_ONCE = 64, NEWS_REFUSALS_PER_SECOND = 4 };

void node_news_refused(struct maiko_bridge *bridge, const char *who, const char *reason, const char *pattern, const char *format,
                       ...) MAIKO_PRINTF(5, 6);

/* Descriptors have run out for what is not about one link; `text` says for what.  NULL: there are some again. */
void node_news_starved(struct maiko_bridge *bridge, const char *text);

#endif
