// Weather in C++11: the pipeline of weather.c, one class per actor, members as handlers.  Same options, same output, and the
// processes of a split pipeline may be of either kind.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <maiko/app.h>
#include <sstream>
#include <stdexcept>
#include <string>

#include "weather.h"

namespace
{

// No exception leaves a hook: it becomes the actor's error.
template <class Function> auto guarded(maiko_context *ctx, Function function) noexcept -> decltype(function())
{
    try {
        return function();
    } catch (const std::exception &error) {
        return maiko_error(ctx, MAIKO_EACTOR, "%s", error.what());
    }
}

// Hooks of the C table, made of members.
template <class Actor, maiko_status (Actor::*member)(maiko_context *)> maiko_status hook(void *self, maiko_context *ctx)
{
    return guarded(ctx, [=] { return (static_cast<Actor *>(self)->*member)(ctx); });
}

template <class Actor, maiko_step (Actor::*member)(maiko_context *)> maiko_step step(void *self, maiko_context *ctx)
{
    return guarded(ctx, [=] { return (static_cast<Actor *>(self)->*member)(ctx); });
}

template <class Actor, class Event, maiko_status (Actor::*member)(maiko_context *, const Event &, const maiko_envelope *)>
maiko_status on(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    return guarded(ctx, [=] { return (static_cast<Actor *>(self)->*member)(ctx, *static_cast<const Event *>(event), envelope); });
}

// One line of the file per event.
class Sensor
{
  public:
    std::string path;
    unsigned long times = 1; // how often the file is still to be read

    maiko_status start(maiko_context *)
    {
        file_.open(path);
        begin();
        return MAIKO_OK;
    }

    maiko_step produce(maiko_context *ctx)
    {
        std::string line;

        while (!maiko_is_sender_full(ctx)) {
            if (!next(line)) {
                maiko_finish(ctx);
                return MAIKO_STEP_NEVER;
            }
            const reading r = parse(line);
            const maiko_status status = maiko_send_event(ctx, reading, &r);
            if (status != MAIKO_OK)
                return maiko_error(ctx, status, "line %llu was not taken", number_);
        }
        return MAIKO_STEP_CONTINUE;
    }

  private:
    std::ifstream file_;
    unsigned long long number_ = 0; // of the line

    void begin()
    {
        std::string header;

        file_.clear();
        file_.seekg(0);
        if (!std::getline(file_, header))
            throw std::runtime_error("cannot read " + path);
        number_ = 1;
        times--;
    }

    bool next(std::string &line)
    {
        while (!std::getline(file_, line)) {
            if (times == 0)
                return false;
            begin();
        }
        number_++;
        return true;
    }

    reading parse(const std::string &line) const
    {
        reading r = {};
        std::istringstream in(line);
        std::string date;
        char comma;

        std::getline(in, date, ',');
        if (!(in >> r.precipitation_mm >> comma >> r.high_celsius >> comma >> r.low_celsius) ||
            maiko_set(&r.date, date.c_str()) != MAIKO_OK)
            throw std::runtime_error(path + ": line " + std::to_string(number_) + " is no reading");
        return r;
    }
};

// A reading above the limit becomes an alert.
class Alerter
{
  public:
    maiko_status hear(maiko_context *ctx, const reading &r, const maiko_envelope *envelope)
    {
        alert a = {};

        if (r.high_celsius <= ALERT_ABOVE_CELSIUS || maiko_set(&a.date, r.date) != MAIKO_OK)
            return MAIKO_OK;
        a.high_celsius = r.high_celsius;
        return maiko_send_child_event(ctx, envelope, alert, &a);
    }
};

// Adds up a month, sends it when the next one begins and at the end.
class Monthly
{
  public:
    maiko_status hear(maiko_context *ctx, const reading &r, const maiko_envelope *)
    {
        const std::string month(r.date, 7);
        maiko_status status = MAIKO_OK;

        if (month != month_.month)
            status = end(ctx);
        if (month_.days == 0 || r.high_celsius > month_.highest_celsius)
            month_.highest_celsius = r.high_celsius;
        if (month_.days == 0 || r.low_celsius < month_.lowest_celsius)
            month_.lowest_celsius = r.low_celsius;
        if (status == MAIKO_OK)
            status = maiko_set(&month_.month, month.c_str());
        month_.days++;
        month_.rain_mm += r.precipitation_mm;
        return status;
    }

    maiko_status end(maiko_context *ctx)
    {
        const summary done = month_;

        month_ = summary();
        return done.days == 0 ? MAIKO_OK : maiko_send_event(ctx, summary, &done);
    }

  private:
    summary month_ = {};
};

// Prints what the others found.
class Logger
{
  public:
    maiko_status count(maiko_context *, const reading &, const maiko_envelope *)
    {
        readings_++;
        return MAIKO_OK;
    }

    maiko_status print_alert(maiko_context *, const alert &a, const maiko_envelope *)
    {
        alerts_++;
        std::printf("alert    %s  %.1f C\n", a.date, a.high_celsius);
        return MAIKO_OK;
    }

    maiko_status print_summary(maiko_context *, const summary &s, const maiko_envelope *)
    {
        std::printf("summary  %s  %2u days  %6.1f mm  %5.1f to %4.1f C\n", s.month, s.days, s.rain_mm, s.lowest_celsius,
                    s.highest_celsius);
        return MAIKO_OK;
    }

    maiko_status end(maiko_context *)
    {
        std::printf("%llu readings, %llu alerts\n", readings_, alerts_);
        std::fflush(stdout); // the process may --linger
        return MAIKO_OK;
    }

  private:
    unsigned long long readings_ = 0;
    unsigned long long alerts_ = 0;
};

maiko_status prepare(int argc, char **argv, void *userdata)
{
    Sensor *sensor = static_cast<Sensor *>(userdata);

    if (argc > 0)
        sensor->path = argv[0];
    if (argc > 1)
        sensor->times = std::strtoul(argv[1], nullptr, 10);
    return argc <= 2 && sensor->times > 0 ? MAIKO_OK : MAIKO_EINVAL;
}

const maiko_handler alerter_handlers[] = {{MAIKO_TYPE(reading), on<Alerter, reading, &Alerter::hear>}, MAIKO_HANDLERS_END};
const maiko_handler monthly_handlers[] = {{MAIKO_TYPE(reading), on<Monthly, reading, &Monthly::hear>}, MAIKO_HANDLERS_END};
const maiko_handler logger_handlers[] = {{MAIKO_TYPE(reading), on<Logger, reading, &Logger::count>},
                                         {MAIKO_TYPE(alert), on<Logger, alert, &Logger::print_alert>},
                                         {MAIKO_TYPE(summary), on<Logger, summary, &Logger::print_summary>},
                                         MAIKO_HANDLERS_END};

maiko_actor_spec actor(const char *name, const maiko_actor_ops &ops, void *self, const char *const *subscribe,
                       const char *const *publish)
{
    maiko_actor_spec spec = {};

    spec.name = name;
    spec.ops = &ops;
    spec.self = self;
    spec.subscribe = subscribe;
    spec.publish = publish;
    return spec;
}

maiko_actor_ops handling(const maiko_handler *handlers, maiko_status (*on_end)(void *, maiko_context *))
{
    maiko_actor_ops ops = {};

    ops.handlers = handlers;
    ops.on_end = on_end;
    return ops;
}

} // namespace

int main(int argc, char **argv)
{
    Sensor sensor;
    Alerter alerter;
    Monthly monthly;
    Logger logger;
    maiko_actor_ops sensing = {};
    const maiko_actor_ops alerting = handling(alerter_handlers, nullptr);
    const maiko_actor_ops summing = handling(monthly_handlers, hook<Monthly, &Monthly::end>);
    const maiko_actor_ops logging = handling(logger_handlers, hook<Logger, &Logger::end>);

    sensing.on_start = hook<Sensor, &Sensor::start>;
    sensing.step = step<Sensor, &Sensor::produce>;
    const maiko_actor_spec table[] = {
        actor("sensor", sensing, &sensor, nullptr, MAIKO_TOPICS("weather/reading")),
        actor("alerter", alerting, &alerter, MAIKO_TOPICS("weather/reading"), MAIKO_TOPICS("weather/alert")),
        actor("monthly", summing, &monthly, MAIKO_TOPICS("weather/reading"), MAIKO_TOPICS("weather/summary")),
        actor("logger", logging, &logger, MAIKO_TOPICS("weather/#"), nullptr),
    };
    maiko_app app = maiko_app_of("weather", table, sizeof table / sizeof table[0]);

    app.arguments = "FILE.csv [TIMES]";
    app.prepare = prepare;
    app.userdata = &sensor;
    return maiko_app_main(argc, argv, &app);
}
