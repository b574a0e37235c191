/* Node directory: how a node comes into a space and how what a dead one left is taken away.
 *
 * A node appears in one step: its directory is made under another name, with the life lock taken and the record written,
 * and then renamed.  So whoever sees the directory sees a record, and a lock that is held unless the node is dead. */
#ifndef SPACE_NODE_DIRECTORY_H
#define SPACE_NODE_DIRECTORY_H

#include <stdbool.h>

#include "space/life_lock.h"
#include "space/record.h"

enum { NODE_DIRECTORY_TEMPORARY_MAX = 128 };

struct node_directory {
    int fd;      /* the directory */
    int life_fd; /* the lock; open for as long as the node lives */
};

/* What a dead node has left, out of the way. */
struct node_remains {
    char name[NODE_DIRECTORY_TEMPORARY_MAX];
    int fd;      /* the directory */
    int life_fd; /* its lock, ours now: nobody else removes it; -1: there was none, and all is gone already */
};

/* MAIKO_OK, MAIKO_EEXIST (a live node has the name: `error` says which process), MAIKO_ENOMEM, MAIKO_ESYSTEM.
 * A dead one with the name is removed first, and record->epoch raised above its. */
MAIKO_MUST_CHECK maiko_status node_directory_create(int space_fd, struct node_record *record,
                                                    struct node_directory *ret_directory, struct text *error);

/* Takes the node out of the space: its directory is renamed away, emptied and removed, and only then the lock given up. */
void node_directory_remove(int space_fd, const char *name, struct node_directory *directory);

/* Closes without removing anything, as a death would. */
void node_directory_abandon(struct node_directory *directory);

/* Reads the record of a node.  MAIKO_OK, MAIKO_ENOTFOUND, MAIKO_EPROTOCOL, MAIKO_ENOMEM, MAIKO_EPERM, MAIKO_ELIMIT (descriptors),
 * MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status node_directory_read(int space_fd, const char *name, struct node_record *record, struct text *error);

/* Is the node alive?  Nodes of this process always are; `record` tells whose it is and may be NULL for one without. */
bool node_directory_is_alive(int space_fd, const char *name, const struct node_record *record);

/* Takes the name from a dead node: its directory is renamed, and node_directory_clear() is to follow.  `self` is who we are.
 * MAIKO_OK, MAIKO_ESTATE (alive, or somebody else is removing it), MAIKO_ENOTFOUND, MAIKO_ESYSTEM. */
MAIKO_MUST_CHECK maiko_status node_directory_bury(int space_fd, const char *name, const struct process_identity *self,
                                                  struct node_remains *ret_remains);
maiko_status node_directory_clear(int space_fd, struct node_remains *remains);

/* Removes the directory of a dead node, or a half-made one whose maker died.
 * MAIKO_OK, MAIKO_ESTATE (alive, or somebody else is removing it), MAIKO_ENOTFOUND, MAIKO_ESYSTEM. */
maiko_status node_directory_reap(int space_fd, const char *name);

/* Reaps everything dead in a space, half-made and half-removed directories included; how many there were.
 * `reaped` (may be NULL) is told the names of the nodes among them. */
unsigned node_directory_reap_all(int space_fd, struct heap *heap, void (*reaped)(const char *name, void *userdata),
                                 void *userdata);

#endif
