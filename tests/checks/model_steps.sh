#!/bin/sh
# The names of the steps in tests/model are those behind `step:` in the C code, all of them, and each acquire, release and fence with
# such a name can be left out of a model.
. "$(dirname "$0")/lib.sh"
models=$source_dir/tests/model
cd "$scratch"

# Steps: labels of the models that are no end states, against the C code.
sed -n 's/^\([a-z][a-z_]*\):$/\1/p' "$models"/*.pml | grep -v '^end_' | sort -u >in_models
find "$source_dir/bridge" "$source_dir/libmaiko/runtime" -name '*.[ch]' | sort | xargs grep -h 'step: [a-z_]* \*/' >lines
sed -n 's/.*step: \([a-z_]*\) \*\/.*/\1/p' lines | sort >in_code
uniq -d in_code | sed 's/$/: two places in the code have this step/' >bad
comm -23 in_models in_code | sed 's/$/: a step of a model that is not in the code/' >>bad
uniq in_code | comm -13 in_models - | sed 's/$/: a step of the code that is in no model/' >>bad
sed -n 's/.*memory_order_\(acquire\|release\)).*step: \([a-z_]*\) .*/\1_\2/p; s/.*memory_order_seq_cst).*step: \([a-z_]*\) .*/\1/p' lines |
    while read -r name; do
        grep -q "WITHOUT_$name\$" "$models"/*.pml || echo "$name: no model can leave it out"
    done >>bad
complain_lines <bad
printf '%s steps\n' "$(wc -l <in_models)"
verdict
