/* Arrays hold numbers and truth values.
 * expect: MAIKO_C_TYPE_STRING_ */
#include <maiko/send.h>

#ifdef BAD
#define LIST_FIELDS(F) F(ARRAY, names, STRING, 3)
MAIKO_EVENT(list, "list", LIST_FIELDS)
#else
#define LIST_FIELDS(F) F(ARRAY, names, INT32, 3)
MAIKO_EVENT(list, "list", LIST_FIELDS)
#endif
