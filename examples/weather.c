/* Weather: a pipeline of four actors over the daily record of Seattle, 2012 to 2015.
 *
 *     sensor --weather/reading--> alerter --weather/alert--> logger
 *                            \--> monthly --weather/summary--/
 *
 * Usage: weather FILE.csv [TIMES] (date,precipitation,temp_max,temp_min,wind,weather; read so many times over).  Nobody knows
 * anybody: the table at the end says who publishes and who subscribes.  When the sensor has finished, the end travels down the
 * pipeline by itself.
 *
 * The same program as three processes, which find each other:
 *     weather --space wx --actors alerter,monthly &
 *     weather --space wx --actors logger &
 *     weather --space wx --actors sensor FILE.csv */
#include <maiko/app.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weather.h"

/* --- sensor: one line of the file per event --- */

struct sensor {
    const char *path;
    unsigned long times; /* how often the file is still to be read */
    FILE *file;
    uint64_t line;
};

static struct sensor the_sensor;

/* To the first line behind the header. */
static bool sensor_begin(struct sensor *sensor)
{
    char header[256];

    rewind(sensor->file);
    sensor->line = 1;
    sensor->times--;
    return fgets(header, sizeof header, sensor->file) != NULL;
}

static maiko_status sensor_start(void *self, maiko_context *ctx)
{
    struct sensor *sensor = self;

    sensor->file = fopen(sensor->path, "r");
    if (sensor->file == NULL || !sensor_begin(sensor))
        return maiko_error(ctx, MAIKO_EACTOR, "cannot read %s", sensor->path);
    return MAIKO_OK;
}

/* The next line of the record; false after the last one of the last time. */
static bool sensor_next(struct sensor *sensor, char *line, int size)
{
    while (fgets(line, size, sensor->file) == NULL)
        if (sensor->times == 0 || !sensor_begin(sensor))
            return false;
    sensor->line++;
    return true;
}

static maiko_step sensor_step(void *self, maiko_context *ctx)
{
    struct sensor *sensor = self;
    char line[256];

    while (!maiko_is_sender_full(ctx)) {
        reading r = {.date = ""};
        maiko_status status;

        if (!sensor_next(sensor, line, sizeof line)) {
            maiko_finish(ctx);
            return MAIKO_STEP_NEVER;
        }
        if (sscanf(line, "%10[0-9-],%lf,%lf,%lf", r.date, &r.precipitation_mm, &r.high_celsius, &r.low_celsius) != 4)
            return maiko_error(ctx, MAIKO_EACTOR, "%s: line %llu is no reading", sensor->path, (unsigned long long)sensor->line);
        status = maiko_send_event(ctx, reading, &r);
        if (status != MAIKO_OK)
            return maiko_error(ctx, status, "line %llu was not taken", (unsigned long long)sensor->line);
    }
    return MAIKO_STEP_CONTINUE;
}

static maiko_status sensor_stop(void *self, maiko_context *ctx)
{
    struct sensor *sensor = self;

    (void)ctx;
    fclose(sensor->file);
    return MAIKO_OK;
}

static const maiko_actor_ops sensor = {.on_start = sensor_start, .step = sensor_step, .on_stop = sensor_stop};

/* --- alerter: a reading above the limit becomes an alert --- */

static maiko_status alerter_reading(void *self, maiko_context *ctx, const reading *r, const maiko_envelope *envelope)
{
    alert a = {.high_celsius = r->high_celsius};

    (void)self;
    if (r->high_celsius <= ALERT_ABOVE_CELSIUS)
        return MAIKO_OK;
    memcpy(a.date, r->date, sizeof a.date);
    return maiko_send_child_event(ctx, envelope, alert, &a);
}

static const maiko_handler alerter_handlers[] = {MAIKO_ON(reading, alerter_reading), MAIKO_HANDLERS_END};
static const maiko_actor_ops alerter = {.handlers = alerter_handlers};

/* --- monthly: adds up a month, sends it when the next one begins and at the end --- */

static maiko_status monthly_send(summary *month, maiko_context *ctx)
{
    maiko_status status = month->days == 0 ? MAIKO_OK : maiko_send_event(ctx, summary, month);

    memset(month, 0, sizeof *month);
    return status;
}

static maiko_status monthly_reading(void *self, maiko_context *ctx, const reading *r, const maiko_envelope *envelope)
{
    summary *month = self;
    maiko_status status = MAIKO_OK;

    (void)envelope;
    if (strncmp(month->month, r->date, 7) != 0)
        status = monthly_send(month, ctx);
    if (month->days == 0 || r->high_celsius > month->highest_celsius)
        month->highest_celsius = r->high_celsius;
    if (month->days == 0 || r->low_celsius < month->lowest_celsius)
        month->lowest_celsius = r->low_celsius;
    memcpy(month->month, r->date, 7);
    month->days++;
    month->rain_mm += r->precipitation_mm;
    return status;
}

static maiko_status monthly_end(void *self, maiko_context *ctx)
{
    return monthly_send(self, ctx);
}

static const maiko_handler monthly_handlers[] = {MAIKO_ON(reading, monthly_reading), MAIKO_HANDLERS_END};
static const maiko_actor_ops monthly = {.handlers = monthly_handlers, .on_end = monthly_end};

/* --- logger: prints what the others found --- */

struct logger {
    uint64_t readings;
    uint64_t alerts;
};

static maiko_status logger_reading(void *self, maiko_context *ctx, const reading *r, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)r;
    (void)envelope;
    ((struct logger *)self)->readings++;
    return MAIKO_OK;
}

static maiko_status logger_alert(void *self, maiko_context *ctx, const alert *a, const maiko_envelope *envelope)
{
    (void)ctx;
    (void)envelope;
    ((struct logger *)self)->alerts++;
    printf("alert    %s  %.1f C\n", a->date, a->high_celsius);
    return MAIKO_OK;
}

static maiko_status logger_summary(void *self, maiko_context *ctx, const summary *s, const maiko_envelope *envelope)
{
    (void)self;
    (void)ctx;
    (void)envelope;
    printf("summary  %s  %2u days  %6.1f mm  %5.1f to %4.1f C\n", s->month, s->days, s->rain_mm, s->lowest_celsius,
           s->highest_celsius);
    return MAIKO_OK;
}

static maiko_status logger_end(void *self, maiko_context *ctx)
{
    const struct logger *logger = self;

    (void)ctx;
    printf("%llu readings, %llu alerts\n", (unsigned long long)logger->readings, (unsigned long long)logger->alerts);
    fflush(stdout); /* the process may --linger */
    return MAIKO_OK;
}

static const maiko_handler logger_handlers[] = {MAIKO_ON(reading, logger_reading), MAIKO_ON(alert, logger_alert),
                                                MAIKO_ON(summary, logger_summary), MAIKO_HANDLERS_END};
static const maiko_actor_ops logger = {.handlers = logger_handlers, .on_end = logger_end};

static const maiko_actor_spec weather[] = {
    {.name = "sensor", .ops = &sensor, .self = &the_sensor, .publish = MAIKO_TOPICS("weather/reading")},
    {.name = "alerter", .ops = &alerter, .subscribe = MAIKO_TOPICS("weather/reading"), .publish = MAIKO_TOPICS("weather/alert")},
    {.name = "monthly",
     .ops = &monthly,
     .state_size = sizeof(summary),
     .subscribe = MAIKO_TOPICS("weather/reading"),
     .publish = MAIKO_TOPICS("weather/summary")},
    {.name = "logger", .ops = &logger, .state_size = sizeof(struct logger), .subscribe = MAIKO_TOPICS("weather/#")},
};

static maiko_status prepare(int argc, char **argv, void *userdata)
{
    (void)userdata;
    the_sensor.path = argc > 0 ? argv[0] : "";
    the_sensor.times = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    return argc <= 2 && the_sensor.times > 0 ? MAIKO_OK : MAIKO_EINVAL;
}

int main(int argc, char **argv)
{
    return maiko_app_main(argc, argv, &MAIKO_APP("weather", weather, .arguments = "FILE.csv [TIMES]", .prepare = prepare));
}
