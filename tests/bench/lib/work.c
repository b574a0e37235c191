/* Work: a calibrated busy loop. */
#include "bench/lib/work.h"

#include "bench/lib/subject.h"

#define CALIBRATION_STEPS 200000u

static double steps_per_ns = 1;

uint64_t work_steps(uint64_t steps)
{
    uint64_t value = steps | 1;

    while (steps-- > 0)
        value = value * UINT64_C(6364136223846793005) + 1;
    return value;
}

void work_calibrate(void)
{
    uint64_t best_ns = UINT64_MAX;
    volatile uint64_t kept;

    for (int attempt = 0; attempt < 20; attempt++) {
        const uint64_t before = bench_now_ns();
        uint64_t took;

        kept = work_steps(CALIBRATION_STEPS);
        took = bench_now_ns() - before;
        best_ns = took < best_ns ? took : best_ns;
    }
    (void)kept;
    steps_per_ns = (double)CALIBRATION_STEPS / (double)best_ns;
}

void work_for_ns(uint64_t ns)
{
    volatile uint64_t kept = work_steps((uint64_t)((double)ns * steps_per_ns));

    (void)kept;
}
