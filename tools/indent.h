/* Indent: JSON on one line, spread over lines for people. */
#ifndef TOOLS_INDENT_H
#define TOOLS_INDENT_H

#include "output.h"

/* What was put from `at` on, which is one value on one line, becomes several lines, those after the first `depth` spaces in and
 * more.  What has no objects or arrays with something in them inside stays on its line. */
void indent_json(struct output *output, size_t at, unsigned depth);

#endif
