/* Structs have a fixed size.
 * expect: row: only an event may have a TAIL */
#include <maiko/send.h>

#ifdef BAD
#define ROW_FIELDS(F) F(BOOL, on) F(TAIL, cells, INT32)
MAIKO_STRUCT(row, ROW_FIELDS)
#else
#define ROW_FIELDS(F) F(BOOL, on) F(ARRAY, cells, INT32, 4)
MAIKO_STRUCT(row, ROW_FIELDS)
#endif
