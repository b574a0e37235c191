/* Usable cores: quotas of cgroups of both versions, in trees of files made for it. */
#include "runtime/usable_cores.h"

#include <sched.h>

#include "lib/scratch.h"
#include "lib/suite.h"

static struct scratch scratch;

static void put(const char *name, const char *text)
{
    CU_ASSERT_TRUE(scratch_put(&scratch, name, text));
}

static void begin(const char *groups)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put("proc/self/cgroup", groups);
}

static void end_with(uint64_t cores)
{
    uint64_t found = usable_cores_by_cgroup(scratch.path);

    if (found != cores)
        SUITE_FAIL("%llu cores, not %llu", (unsigned long long)found, (unsigned long long)cores);
    scratch_deinit(&scratch);
}

static void the_quota_of_the_own_group_counts(void)
{
    begin("0::/system.slice/some.service\n");
    put("sys/fs/cgroup/system.slice/some.service/cpu.max", "200000 100000\n");
    end_with(2);
}

static void parts_of_a_core_are_one_more(void)
{
    begin("0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "250001 100000\n");
    end_with(3);
    begin("0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "1000 100000\n");
    end_with(1);
}

static void the_least_on_the_way_up_counts(void)
{
    begin("0::/a/b/c\n");
    put("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    end_with(3);
}

static void groups_beside_the_own_do_not_count(void)
{
    begin("0::/a/b\n");
    put("sys/fs/cgroup/a/bc/cpu.max", "100000 100000\n");
    put("sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
    put("sys/fs/cgroup/d/cpu.max", "100000 100000\n");
    end_with(UINT64_MAX);
}

/* A container: /proc tells the path on the host, and the own group is what is mounted. */
static void a_group_that_is_not_there_is_the_one_mounted(void)
{
    begin("0::/docker/0123456789abcdef\n");
    put("sys/fs/cgroup/cpu.max", "150000 100000\n");
    end_with(2);
    begin("0::/../../elsewhere\n");
    put("sys/fs/cgroup/cpu.max", "400000 100000\n");
    put("elsewhere/cpu.max", "100000 100000\n");
    end_with(4);
}

static void quotas_of_version_1_count_as_well(void)
{
    begin("5:memory:/a\n4:cpu,cpuacct:/a/b\n0::/a\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "500000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    end_with(5);
}

/* The hierarchy may be mounted under the controller's name alone. */
static void version_1_is_found_under_either_name(void)
{
    begin("4:cpuacct,cpu:/\n3:cpuset:/\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "120000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
    put("sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "50000\n");
    put("sys/fs/cgroup/cpuset/cpu.cfs_period_us", "50000\n");
    end_with(3);
}

static void version_2_may_be_mounted_beside_version_1(void)
{
    begin("4:memory:/a\n0::/a\n");
    put("sys/fs/cgroup/unified/a/cpu.max", "700000 100000\n");
    end_with(7);
}

/* A container that has no /proc still has its group mounted. */
static void without_proc_the_group_mounted_counts(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put("sys/fs/cgroup/cpu.max", "250000 100000\n");
    end_with(3);
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
    end_with(2);
}

static void without_a_quota_there_is_no_bound(void)
{
    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    end_with(UINT64_MAX);
    begin("");
    end_with(UINT64_MAX);
    begin("0::/\n");
    put("sys/fs/cgroup/cpu.max", "max 100000\n");
    end_with(UINT64_MAX);
}

static void what_is_not_understood_is_no_bound(void)
{
    begin("cpu\n::\n:cpu\n4:cpu:\n0::a\n\n");
    put("sys/fs/cgroup/cpu.max", "0 0\n");
    put("sys/fs/cgroup/a/cpu.max", "-\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "99999999999999999999999\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "0\n");
    end_with(UINT64_MAX);
}

static void there_is_always_a_core_and_no_more_than_the_affinity_has(void)
{
    cpu_set_t set;

    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof set, &set), 0);
    CU_ASSERT_TRUE(usable_cores() >= 1);
    CU_ASSERT_TRUE(usable_cores() <= (uint32_t)CPU_COUNT(&set));
}

static const struct test_case cases[] = {
    TEST_CASE(the_quota_of_the_own_group_counts),
    TEST_CASE(parts_of_a_core_are_one_more),
    TEST_CASE(the_least_on_the_way_up_counts),
    TEST_CASE(groups_beside_the_own_do_not_count),
    TEST_CASE(a_group_that_is_not_there_is_the_one_mounted),
    TEST_CASE(quotas_of_version_1_count_as_well),
    TEST_CASE(version_1_is_found_under_either_name),
    TEST_CASE(version_2_may_be_mounted_beside_version_1),
    TEST_CASE(without_proc_the_group_mounted_counts),
    TEST_CASE(without_a_quota_there_is_no_bound),
    TEST_CASE(what_is_not_understood_is_no_bound),
    TEST_CASE(there_is_always_a_core_and_no_more_than_the_affinity_has),
};
SUITE_MAIN("usable cores", cases)
