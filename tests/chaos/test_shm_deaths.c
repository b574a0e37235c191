/* One shared ring between two processes, one of which is killed or stopped before and after each of its atomic stores: the other
 * sees whole records in order up to some position and none beyond, gets its memory back, and is not held. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/fault_points.h"
#include "lib/shm_pair.h"
#include "lib/suite.h"

enum { RING = SHM_RING_BYTES_MIN, RECORDS = 3000, SEED = 7 };

enum role { WRITER, READER };

/* One run: the exporter makes everything and forks the importer. */
struct run {
    enum role victim;
    const char *point; /* NULL: nobody dies */
    unsigned nth;
    int signal_number;
    struct shm_pair pair;
    int reader_wake; /* eventfds */
    int writer_wake;
    int life[2][2]; /* by role: a pipe whose write end only that process holds */
};

static unsigned char copied[SHM_BODY_MAX];

/* Until the eventfd is written or the other process has gone; false: gone. */
static bool wait_for(int wake_fd, int life_fd)
{
    struct pollfd fds[2] = {{.fd = wake_fd, .events = POLLIN}, {.fd = life_fd}};
    eventfd_t value;

    while (poll(fds, 2, -1) < 0)
        ;
    if (fds[0].revents != 0)
        (void)eventfd_read(wake_fd, &value);
    return fds[1].revents == 0;
}

static bool is_gone(int life_fd)
{
    struct pollfd fd = {.fd = life_fd};

    return poll(&fd, 1, 0) == 1;
}

/* So that both sleep at least once, however the system schedules them. */
static void let_the_reader_sleep(struct run *run)
{
    struct shm_control *control = shm_area_control(&run->pair.control);

    if (shm_writer_publish(&run->pair.writer))
        (void)eventfd_write(run->reader_wake, 1);
    (void)wait_until(atomic_load(&control->asleep) != 0 || is_gone(run->life[READER][0]), 60000);
}

static void let_the_writer_sleep(struct run *run)
{
    struct shm_data *data = shm_area_data(&run->pair.seen_data);

    (void)wait_until(atomic_load(&data->asleep) != 0 || is_gone(run->life[WRITER][0]), 60000);
}

/* Reads all there is; false: something came out otherwise. */
static bool read_all(struct run *run, struct dice *dice, uint64_t *count)
{
    struct shm_record record;
    struct shm_draft draft;

    while (shm_reader_peek(&run->pair.reader, &record) == MAIKO_OK) {
        draft = shm_draft_throw(dice);
        if (!shm_draft_equals(&draft, &record, copied))
            return false;
        shm_reader_next(&run->pair.reader);
        if (record.is_chunk)
            shm_reader_return(&run->pair.reader, record.slot);
        if (++*count % 16 == 0 && shm_reader_confirm(&run->pair.reader, run->pair.reader.position))
            (void)eventfd_write(run->writer_wake, 1);
    }
    return run->pair.reader.broken == NULL;
}

/* The importer, to the end of the records or of the exporter. */
static int import(struct run *run)
{
    struct shm_reader *reader = &run->pair.reader;
    struct dice dice;
    bool is_alive = true;
    bool is_good = true;
    uint64_t count = 0;

    dice_init_seeded(&dice, SEED);
    let_the_writer_sleep(run);
    while (is_good && is_alive && count < RECORDS) {
        is_good = read_all(run, &dice, &count);
        if (shm_reader_confirm(reader, reader->position))
            (void)eventfd_write(run->writer_wake, 1);
        if (count < RECORDS && shm_reader_sleep(reader)) {
            is_alive = wait_for(run->reader_wake, run->life[WRITER][0]);
            shm_reader_awake(reader);
        }
    }
    is_good = is_good && read_all(run, &dice, &count); /* what was published before the end */
    return is_good && (count == RECORDS || !is_alive) ? 0 : 1;
}

/* The exporter, to the end of the records or of the importer. */
static int export(struct run *run)
{
    struct shm_writer *writer = &run->pair.writer;
    struct dice dice;
    bool is_alive = true;
    uint64_t count = 0;

    dice_init_seeded(&dice, SEED);
    while (count < RECORDS && is_alive) {
        struct shm_draft draft = shm_draft_throw(&dice);
        maiko_status status;

        while ((status = shm_draft_write(&run->pair, &draft)) == MAIKO_EFULL && is_alive) {
            if (shm_writer_publish(writer))
                (void)eventfd_write(run->reader_wake, 1);
            if (shm_writer_sleep(writer)) {
                is_alive = wait_for(run->writer_wake, run->life[READER][0]);
                shm_writer_awake(writer);
            }
        }
        if (status != MAIKO_OK && status != MAIKO_EFULL)
            return 1;
        if (++count % 8 == 0 && shm_writer_publish(writer))
            (void)eventfd_write(run->reader_wake, 1);
        if (count == RECORDS / 2)
            let_the_reader_sleep(run);
    }
    if (shm_writer_publish(writer))
        (void)eventfd_write(run->reader_wake, 1);
    return shm_writer_refresh(writer) == MAIKO_OK && shm_lending_collect(&run->pair.lending, writer) == MAIKO_OK ? 0 : 1;
}

static void plan(const struct run *run, enum role role)
{
    if (run->victim == role)
        fault_points_plan(run->point, run->nth, run->signal_number);
}

static void say_points(const char *who)
{
    const char *names[FAULT_POINTS_MAX];
    size_t count = fault_points_passed(names);
    size_t i;

    for (i = 0; i < count; i++)
        printf("%s %s\n", who, names[i]);
}

/* The verdict of each process is a line; a victim says nothing. */
static void import_and_exit(struct run *run)
{
    int status;

    close(run->life[WRITER][1]);
    plan(run, READER);
    status = import(run);
    say_points("reader");
    printf("reader done %d\n", status);
    fflush(stdout);
    _exit(status);
}

static int run_both(void *userdata)
{
    struct run *run = userdata;
    pid_t importer;
    int status;

    shm_pair_init(&run->pair, RING, 0);
    run->reader_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    run->writer_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pipe(run->life[WRITER]) != 0 || pipe(run->life[READER]) != 0)
        return 2;
    importer = fork();
    if (importer == 0) {
        struct shm_pair *pair = &run->pair;

        /* The mappings of the parent are not here: the memory is attached anew, as if it had come over a socket. */
        if (shm_area_attach(SHM_AREA_DATA, pair->data.fd, SHM_PAIR_LINK, &pair->seen_data, NULL) != MAIKO_OK ||
            shm_area_attach(SHM_AREA_CONTROL, pair->control.fd, SHM_PAIR_LINK, &pair->own_control, NULL) != MAIKO_OK ||
            shm_area_attach(SHM_AREA_PAYLOAD, pair->chunks.area.fd, SHM_PAIR_LINK, &pair->seen_payload, NULL) != MAIKO_OK)
            _exit(3);
        shm_reader_init(&pair->reader, &pair->seen_data, &pair->own_control, &pair->seen_payload, 0);
        import_and_exit(run);
    }
    close(run->life[READER][1]);
    plan(run, WRITER);
    status = export(run);
    say_points("writer");
    shm_lending_deinit(&run->pair.lending); /* the importer is gone or done: all chunks come back at once */
    if (run->pair.chunks.pages_out != 0)
        status = 4;
    printf("writer done %d\n", status);
    fflush(stdout);
    while (waitpid(importer, NULL, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* Runs it and looks at what was said; ret_text has room for `size` bytes. */
static void play(struct run *run, char *ret_text, size_t size)
{
    struct child child;

    CU_ASSERT_TRUE_FATAL(child_start(&child, run_both, run));
    (void)child_read_output(&child, ret_text, size); /* until both processes have ended */
    (void)child_end(&child, 60000);
}

/* And the victim is dead, unless it never came past its point so often. */
static bool is_survivor_well(const struct run *run, const char *text)
{
    return strstr(text, run->victim == WRITER ? "reader done 0" : "writer done 0") != NULL &&
           (run->nth > 1 || strstr(text, run->victim == WRITER ? "writer done" : "reader done") == NULL);
}

/* Names of the points this role passes when nobody dies, one per line. */
static void find_points(char *ret_text, size_t size)
{
    struct run run = {.victim = WRITER};

    play(&run, ret_text, size);
    CU_ASSERT_PTR_NOT_NULL(strstr(ret_text, "reader done 0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ret_text, "writer done 0"));
}

static void kill_at_each_point(enum role victim)
{
    static const unsigned nths[] = {1, 2, 7};
    static char points[16384];
    static char text[16384];
    const char *who = victim == WRITER ? "writer " : "reader ";
    unsigned count = 0;
    char *line;
    size_t i;

    find_points(points, sizeof(points));
    for (line = strtok(points, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *name = line + strlen(who);

        if (strncmp(line, who, strlen(who)) != 0 || strncmp(name, "done", 4) == 0)
            continue;
        count++;
        for (i = 0; i < (suite_is_long() ? 3 : 1 + (count % 2)); i++) {
            struct run run = {.victim = victim, .point = name, .nth = nths[i], .signal_number = SIGKILL};

            play(&run, text, sizeof(text));
            if (!is_survivor_well(&run, text))
                SUITE_FAIL("%skilled at %s, %u. time: %s", who, name, nths[i], text);
        }
    }
    CU_ASSERT_EQUAL(count, victim == WRITER ? 6 : 12); /* before and after each store */
}

static void a_writer_killed_at_any_store_harms_no_reader(void)
{
    kill_at_each_point(WRITER);
}

static void a_reader_killed_at_any_store_harms_no_writer(void)
{
    kill_at_each_point(READER);
}

static const struct test_case cases[] = {
    TEST_CASE(a_writer_killed_at_any_store_harms_no_reader),
    TEST_CASE(a_reader_killed_at_any_store_harms_no_writer),
};

SUITE_MAIN("shm_deaths", cases)
