/* Allow list: which network peers there are, by public key, and which topics each may publish here and subscribe to.
 * Pure.  Nothing is allowed that is not listed; peers of the same host and user are not asked. */
#ifndef SECURITY_ALLOW_H
#define SECURITY_ALLOW_H

#include <stdbool.h>

#include "base/text.h"
#include "security/z85.h"
#include "space/limits.h"
#include "space/text_list.h"
#include <maiko/status.h>

struct allow_peer {
    char name[SPACE_NAME_MAX + 1];
    char key[KEY_TEXT_SIZE];
    struct text_list nodes;     /* names it may have; empty: any that is not another's */
    struct text_list publish;   /* patterns of what it may send to us */
    struct text_list subscribe; /* patterns of what it may get from us */
};

struct allow_list {
    struct heap *heap;
    struct allow_peer *peers;
    size_t count;
};

void allow_list_init(struct allow_list *list, struct heap *heap);
void allow_list_deinit(struct allow_list *list);

/*
 * Reads the text of an allow file into an initialised, empty list:
 *
 *     [north]                            name of the peer, for people
 *     key = 40 characters                its public key
 *     node = north1, north2              names of nodes that only this key may have, and the only ones; the line may be left out
 *     publish = weather/#, alert/+       patterns; the line may be repeated
 *     subscribe = #
 *
 * MAIKO_OK, MAIKO_ENOMEM, MAIKO_EINVAL (`error` names the line, and the list is empty).
 */
MAIKO_MUST_CHECK maiko_status allow_list_parse(struct allow_list *list, const char *text, struct text *error);

/* Do both say the same, in the same order? */
bool allow_list_is_same(const struct allow_list *a, const struct allow_list *b);

/* NULL when the key is not listed. */
const struct allow_peer *allow_list_find(const struct allow_list *list, const char *key);

/* May a node that has this key, listed or not, call itself so? */
bool allow_list_may_be_named(const struct allow_list *list, const char *key, const char *node);

bool allow_peer_may_publish(const struct allow_peer *peer, const char *topic);
bool allow_peer_may_subscribe(const struct allow_peer *peer, const char *topic);

/* May it have every topic that falls under this pattern? */
bool allow_peer_may_subscribe_pattern(const struct allow_peer *peer, const char *pattern);

/* May it have *every* topic that begins with these bytes?  That is what a plain SUB socket asks for. */
bool allow_peer_may_subscribe_prefix(const struct allow_peer *peer, const char *prefix, size_t len);

#endif
