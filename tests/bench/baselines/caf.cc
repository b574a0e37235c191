// Peer: the C++ Actor Framework.  It has no topics, so senders know their receivers.  Its mailboxes are unbounded; sources keep
// two bursts under way and wait for the receivers' word, which is faster than letting them grow.
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

struct payload {
    uint8_t bytes[64];
};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(payload)

namespace
{

constexpr uint64_t burst = 256, period = 4096;

using caf::actor;
using caf::behavior;
using caf::event_based_actor;

using burst_atom = caf::atom_constant<caf::atom("burst")>; // end of a burst, from a source; answered by the receiver
using total_atom = caf::atom_constant<caf::atom("total")>; // a receiver's sum, to main
using go_atom = caf::atom_constant<caf::atom("go")>;

// The same bytes and sums as lib/payload.h, which is C.
void fill(payload &p, uint64_t sequence)
{
    for (uint64_t j = 0; j < 8; j++) {
        const uint64_t word = (sequence % period + j) * UINT64_C(0x9e3779b97f4a7c15);
        std::memcpy(p.bytes + 8 * j, &word, 8);
    }
}

uint64_t sum_of(const payload &p)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t lanes = 0;
    for (unsigned j = 0; j < 8; j++) {
        uint64_t word;
        std::memcpy(&word, p.bytes + 8 * j, 8);
        lanes += (word & even) + ((word >> 8) & even);
    }
    return (lanes * UINT64_C(0x0001000100010001)) >> 48;
}

uint64_t expected(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t sequence = 0; sequence < period; sequence++) {
        payload p;
        fill(p, sequence);
        sum += sum_of(p) * (count / period + (sequence < count % period));
    }
    return sum;
}

struct totals {
    uint64_t count = 0, sum = 0;
};

behavior sink(caf::stateful_actor<totals> *self, uint64_t awaited, actor collector)
{
    return {[=](const payload &p) {
                self->state.sum += sum_of(p);
                if (++self->state.count == awaited)
                    self->send(collector, total_atom::value, self->state.sum);
            },
            [=](burst_atom, actor source) { self->send(source, burst_atom::value); }};
}

behavior relay(caf::stateful_actor<totals> *self, actor next, uint64_t awaited, actor collector)
{
    return {[=](const payload &p) {
                payload own;
                self->state.sum += sum_of(p);
                fill(own, self->state.count);
                self->send(next, own);
                if (++self->state.count == awaited)
                    self->send(collector, total_atom::value, self->state.sum);
            },
            [=](burst_atom, actor source) { self->send(next, burst_atom::value, source); }};
}

struct production {
    uint64_t made = 0, answers = 0;
};

// To every target each event (W2), or to the targets in turn (W7).
behavior source(caf::stateful_actor<production> *self, std::vector<actor> targets, uint64_t events, bool in_turn)
{
    auto produce = [=] {
        auto &state = self->state;
        for (uint64_t i = 0; i < burst && state.made < events; i++, state.made++) {
            payload p;
            fill(p, state.made);
            if (in_turn || targets.size() == 1) {
                self->send(targets[state.made % targets.size()], p);
                continue;
            }
            auto message = caf::make_message(p);
            for (auto &target : targets)
                self->send(target, message);
        }
        if (in_turn)
            self->send(targets[(state.made - 1) % targets.size()], burst_atom::value, actor(self));
        else
            for (auto &target : targets)
                self->send(target, burst_atom::value, actor(self));
    };
    return {[=](go_atom) {
                produce();
                produce();
            },
            [=](burst_atom) {
                if (++self->state.answers < (in_turn ? 1 : targets.size()))
                    return;
                self->state.answers = 0;
                if (self->state.made < events)
                    produce();
            }};
}

behavior player(caf::stateful_actor<totals> *self, uint64_t rounds, bool first, actor collector)
{
    return {[=](const payload &p) {
                auto &state = self->state;
                state.sum += sum_of(p);
                state.count++;
                if (!first || state.count < rounds) {
                    payload own;
                    fill(own, first ? state.count : state.count - 1);
                    self->send(caf::actor_cast<actor>(self->current_sender()), own);
                }
                if (state.count == rounds)
                    self->send(collector, total_atom::value, state.sum);
            },
            [=](go_atom, actor other) {
                payload own;
                fill(own, 0);
                self->send(other, own);
            }};
}

behavior member(event_based_actor *self, actor collector)
{
    return {[=](const payload &p) { self->send(collector, total_atom::value, sum_of(p)); }};
}

double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double resident_bytes()
{
    double ignored, pages = 0;
    std::ifstream("/proc/self/statm") >> ignored >> pages;
    return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

uint64_t await_totals(caf::scoped_actor &self, uint64_t count)
{
    uint64_t sum = 0;
    for (; count > 0; count--)
        self->receive([&](total_atom, uint64_t part) { sum += part; });
    return sum;
}

int finish(uint64_t events, double seconds, uint64_t sum, uint64_t wanted)
{
    std::printf("events %.0f\nseconds %.9f\nrate %.9g\nvalid %d\n", static_cast<double>(events), seconds,
                static_cast<double>(events) / seconds * 1e-6, sum == wanted);
    std::fflush(stdout);
    _exit(sum == wanted ? 0 : 1); // the actors that are left know nobody who would end them
}

int run_flow(caf::actor_system &system, uint64_t sources, uint64_t sinks, uint64_t relays, uint64_t events, bool in_turn)
{
    caf::scoped_actor self(system);
    const actor collector = self;
    const uint64_t each = in_turn ? (events + sinks - 1) / sinks : events / (sources * sinks);
    const uint64_t made = in_turn ? each * sinks : each;
    std::vector<actor> targets, makers;
    for (uint64_t i = 0; i < sinks; i++)
        targets.push_back(system.spawn(sink, each * sources, collector));
    for (uint64_t i = 0; i < relays; i++)
        targets = {system.spawn(relay, targets[0], each, collector)};
    for (uint64_t i = 0; i < sources; i++)
        makers.push_back(system.spawn(source, targets, made, in_turn));
    const double before = now();
    for (auto &maker : makers)
        self->send(maker, go_atom::value);
    const uint64_t sum = await_totals(self, sinks + relays);
    return finish(in_turn ? made : each * sources * sinks, now() - before, sum,
                  in_turn ? expected(made) : expected(each) * sources * sinks * (1 + relays));
}

int run_ping_pong(caf::actor_system &system, uint64_t rounds)
{
    caf::scoped_actor self(system);
    const actor collector = self;
    auto ping = system.spawn(player, rounds, true, collector), pong = system.spawn(player, rounds, false, collector);
    const double before = now();
    self->send(ping, go_atom::value, pong);
    const uint64_t sum = await_totals(self, 2);
    return finish(rounds, now() - before, sum, 2 * expected(rounds));
}

int run_many_actors(caf::actor_system &system, uint64_t count)
{
    caf::scoped_actor self(system);
    const actor collector = self;
    std::vector<actor> actors;
    actors.reserve(count);
    payload p;
    fill(p, 0);
    const double bytes_before = resident_bytes(), before = now();
    for (uint64_t i = 0; i < count; i++)
        actors.push_back(system.spawn(member, collector));
    const double seconds = now() - before;
    for (auto &one : actors)
        self->send(one, p);
    const uint64_t sum = await_totals(self, count);
    std::printf("bytes_each %.9g\nus_each %.9g\n", (resident_bytes() - bytes_before) / static_cast<double>(count),
                seconds * 1e6 / static_cast<double>(count));
    return finish(count, seconds, sum, sum_of(p) * count);
}

uint64_t argument(int argc, char **argv, const std::string &key, uint64_t fallback)
{
    for (int i = 2; i < argc; i++)
        if (std::string(argv[i]).compare(0, key.size() + 1, key + "=") == 0)
            return std::strtoull(argv[i] + key.size() + 1, nullptr, 10);
    return fallback;
}

} // namespace

int main(int argc, char **argv)
{
    const std::string row = argc > 1 ? argv[1] : "";
    const uint64_t events = argument(argc, argv, "events", 100000);
    caf::actor_system_config config;
    config.set("scheduler.max-threads", static_cast<size_t>(argument(argc, argv, "threads", 1)));
    caf::actor_system system(config);
    if (row == "W1")
        return run_flow(system, 1, 1, 0, events, false);
    if (row == "W2")
        return run_flow(system, 1, 8, 0, events, false);
    if (row == "W3")
        return run_flow(system, 4, 1, 0, events, false);
    if (row == "W4")
        return run_ping_pong(system, events);
    if (row == "W5")
        return run_flow(system, 1, 1, 3, events, false);
    if (row == "W6")
        return run_many_actors(system, argument(argc, argv, "actors", 100000));
    if (row == "W7")
        return run_flow(system, 1, 1000, 0, events, true);
    std::fprintf(stderr, "no such row\n");
    return 2;
}
