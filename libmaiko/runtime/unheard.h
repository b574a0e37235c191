/* Unheard: what was sent on topics that nobody subscribed to, told when the runtime has stopped: often a name that is spelt in
 * two ways. */
#ifndef RUNTIME_UNHEARD_H
#define RUNTIME_UNHEARD_H

struct maiko_supervisor;

/* After the threads have ended.  The log gets a line for each of the first such topics, and one for the others. */
void unheard_tell(struct maiko_supervisor *sup);

#endif
