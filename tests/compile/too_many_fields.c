/* Fields have a limit.
 * expect: many: more than 256 fields */
#include <maiko/send.h>

#define F4(F, x) F(BOOL, x##0) F(BOOL, x##1) F(BOOL, x##2) F(BOOL, x##3)
#define F16(F, x) F4(F, x##a) F4(F, x##b) F4(F, x##c) F4(F, x##d)
#define F64(F, x) F16(F, x##a) F16(F, x##b) F16(F, x##c) F16(F, x##d)
#define F256(F) F64(F, a) F64(F, b) F64(F, c) F64(F, d)
#ifdef BAD
#define MANY_FIELDS(F) F256(F) F(BOOL, one_more)
#else
#define MANY_FIELDS(F) F256(F)
#endif
MAIKO_EVENT(many, "many", MANY_FIELDS)
