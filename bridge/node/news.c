/* News, see news.h. */
#include "node/news.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "link/zmq_port.h"
#include "node/node.h"
#include "runtime/reporter.h"

#define REPORTER "bridge peers"

maiko_status node_news_set_up(maiko_bridge *bridge)
{
    return maiko_reporter_new(bridge->sup, REPORTER, &bridge->reporter);
}

static void copy_cut(char *field, size_t size, const char *text)
{
    struct text into;

    if (text == NULL)
        return;
    text_init_buffer(&into, field, size);
    text_append(&into, text);
}

/* Never waits: what finds no room is a number in the next one. */
void node_news_send(maiko_bridge *bridge, const struct node_news *news)
{
    maiko_peer_report report;
    maiko_import import = {.struct_size = sizeof(import),
                           .topic = MAIKO_TOPIC_PEER,
                           .type = MAIKO_TYPE(maiko_peer_report),
                           .event = &report,
                           .len = sizeof(report),
                           .try_only = true};
    maiko_status status;

    memset(&report, 0, sizeof(report));
    report.news = news->news;
    copy_cut(report.peer, sizeof(report.peer), news->peer);
    copy_cut(report.reason, sizeof(report.reason), news->reason);
    copy_cut(report.text, sizeof(report.text), news->text);
    copy_cut(report.pattern, sizeof(report.pattern), news->pattern);
    report.lost = news->is_lost_known ? news->lost : 0;
    report.is_lost_known = news->is_lost_known;
    report.is_ours = news->is_ours;
    report.unreported = bridge->unreported;
    status = maiko_importer_send(bridge->reporter, &import);
    if (status == MAIKO_OK) {
        atomic_fetch_add_explicit(&bridge->reports, 1, memory_order_relaxed);
        bridge->unreported = 0;
    } else if (status != MAIKO_ECLOSED) { /* after a stop nobody is there to hear it */
        atomic_fetch_add_explicit(&bridge->reports_dropped, 1, memory_order_relaxed);
        bridge->unreported++;
    }
}

/* ---- what state machines say ---- */

static void log_notice(maiko_bridge *bridge, const char *name, const struct peer_notice *notice)
{
    maiko_log_level level = notice->news == PEER_NEWS_GAP || notice->news == PEER_NEWS_STALLED ||
                                    notice->news == PEER_NEWS_REFUSED || notice->news == PEER_NEWS_FAILED
                                ? MAIKO_LOG_WARNING
                                : MAIKO_LOG_INFO;
    const char *pattern = notice->pattern == NULL ? "" : notice->pattern;
    const char *reason = notice->reason == NULL ? "" : notice->reason;
    const char *text = notice->text == NULL ? "" : notice->text;

    if (notice->news == PEER_NEWS_GAP && notice->lost != LOST_UNKNOWN)
        node_log(bridge, level, "peer %s: %s, %llu events for us are lost (%s)", name, peer_news_name(notice->news),
                 (unsigned long long)notice->lost, reason);
    else
        node_log(bridge, level, "peer %s: %s%s%s%s%s%s%s", name, peer_news_name(notice->news), reason[0] != '\0' ? ", " : "",
                 reason, pattern[0] != '\0' ? " " : "", pattern, text[0] != '\0' ? ": " : "", text);
}

/* False: the event is for the bridge alone. */
static bool to_public(enum peer_news news, maiko_peer_news *ret_news)
{
    static const maiko_peer_news public_news[] = {
        [PEER_NEWS_UP] = MAIKO_PEER_UP,           [PEER_NEWS_READY] = MAIKO_PEER_READY, [PEER_NEWS_GAP] = MAIKO_PEER_GAP,
        [PEER_NEWS_STALLED] = MAIKO_PEER_STALLED, [PEER_NEWS_DOWN] = MAIKO_PEER_DOWN,   [PEER_NEWS_REFUSED] = MAIKO_PEER_REFUSED,
        [PEER_NEWS_FAILED] = MAIKO_PEER_FAILED,
    };

    *ret_news = public_news[news];
    return news != PEER_NEWS_SUBSCRIBED;
}

/* Ours are told as what we refuse is that is no peer. */
static void tell_refused_peer(maiko_bridge *bridge, const char *name, const struct peer_notice *notice)
{
    const char *text = notice->text == NULL ? "" : notice->text;

    node_news_refused(bridge, name, notice->reason, notice->pattern, "node %s: %s%s%s", name, notice->reason,
                      text[0] != '\0' ? ", " : "", text);
}

void node_news_of_peer(maiko_bridge *bridge, const char *name, const struct peer_notice *notice)
{
    struct node_news news = {.peer = name,
                             .reason = notice->reason,
                             .text = notice->text,
                             .pattern = notice->pattern,
                             .lost = notice->lost,
                             .is_lost_known = (notice->news == PEER_NEWS_GAP && notice->lost != LOST_UNKNOWN) ||
                                              (notice->news == PEER_NEWS_REFUSED && notice->lost > 0),
                             .is_ours = notice->is_ours};

    if (notice->news == PEER_NEWS_REFUSED && notice->is_ours) {
        tell_refused_peer(bridge, name, notice);
        return;
    }
    log_notice(bridge, name, notice);
    if (to_public(notice->news, &news.news))
        node_news_send(bridge, &news);
}

/* ---- what we refuse ---- */

static bool may_tell_refusal(maiko_bridge *bridge)
{
    const uint64_t each_ns = MAIKO_SECONDS(1) / NEWS_REFUSALS_PER_SECOND;
    uint64_t now_ns = node_now(bridge);
    uint64_t told_ns = bridge->refusals_told_ns > now_ns ? bridge->refusals_told_ns : now_ns;

    if (told_ns - now_ns >= NEWS_REFUSALS_AT_ONCE * each_ns)
        return false;
    bridge->refusals_told_ns = told_ns + each_ns;
    return true;
}

void node_news_refused(maiko_bridge *bridge, const char *who, const char *reason, const char *pattern, const char *format, ...)
{
    char buffer[512];
    struct text text;
    va_list args;

    atomic_fetch_add_explicit(&bridge->refusals, 1, memory_order_relaxed);
    if (!may_tell_refusal(bridge)) {
        bridge->untold_refusals++;
        return;
    }
    text_init_buffer(&text, buffer, sizeof(buffer));
    if (bridge->untold_refusals > 0)
        text_append_format(&text, "(%llu before this were not told) ", (unsigned long long)bridge->untold_refusals);
    bridge->untold_refusals = 0;
    va_start(args, format);
    text_append_vformat(&text, format, args);
    va_end(args);
    node_log(bridge, MAIKO_LOG_WARNING, "refused: %s", buffer);
    node_news_send(
        bridge,
        &(struct node_news){
            .news = MAIKO_PEER_REFUSED, .peer = who, .reason = reason, .text = buffer, .pattern = pattern, .is_ours = true});
}

/* ---- what has run out ---- */

void node_news_starved(maiko_bridge *bridge, const char *text)
{
    if (text == NULL) {
        node_log(bridge, MAIKO_LOG_INFO, "there are descriptors again");
        return;
    }
    node_log(bridge, MAIKO_LOG_ERROR, "out of descriptors: %s", text);
    node_news_send(
        bridge,
        &(struct node_news){.news = MAIKO_PEER_DOWN, .peer = "", .reason = route_fault_word(ROUTE_NO_RESOURCES), .text = text});
}
