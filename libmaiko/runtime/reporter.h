/* Reporter: how the other libraries of this package say something below `$sys/`.  Exported for them and declared in no public
 * header: programs and remote peers never send there. */
#ifndef RUNTIME_REPORTER_H
#define RUNTIME_REPORTER_H

#include <maiko/import.h>

/*
 * An importer for events of types whose topic is below `$sys/`, and of no others (MAIKO_EPERM); 256 find room.  What comes in
 * through it holds nobody, its loss is not reported again, nor is that of anything its handlers send.  Errors as of
 * maiko_importer_new().
 */
MAIKO_API MAIKO_MUST_CHECK maiko_status maiko_reporter_new(maiko_supervisor *sup, const char *name,
                                                           maiko_importer **ret_reporter);

#endif
