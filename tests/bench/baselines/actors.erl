%%! +P 2000000 +S 1:1
%% Peer: Erlang/OTP, compiled, one scheduler (faster than two on these rows).  It has no topics; sources keep two bursts under way, for
%% mailboxes are unbounded.  Run as: escript actors.erl ROW key=value ...
-module(actors).
-mode(compile).
-define(BURST, 256).
-define(PERIOD, 4096).

main([Row | Arguments]) ->
    Events = argument("events", Arguments, 100000),
    case Row of
        "W1" -> flow(1, 1, 0, Events, all);
        "W2" -> flow(1, 8, 0, Events, all);
        "W3" -> flow(4, 1, 0, Events, all);
        "W4" -> ping_pong(Events);
        "W5" -> flow(1, 1, 3, Events, all);
        "W6" -> many_actors(argument("actors", Arguments, 100000));
        "W7" -> flow(1, 1000, 0, Events, in_turn);
        _ -> io:format(standard_error, "no such row~n", []), halt(2)
    end.

argument(_, [], Fallback) -> Fallback;
argument(Key, [Argument | Rest], Fallback) ->
    case string:split(Argument, "=") of
        [Key, Value] -> list_to_integer(Value);
        _ -> argument(Key, Rest, Fallback)
    end.

%% 64 fresh bytes, of which a word is made from the sequence number; the sum reads them all.
fill(Sequence) ->
    N = (Sequence rem ?PERIOD) * 3,
    <<N:64, (N + 1):64, (N + 2):64, (N + 3):64, (N + 4):64, (N + 5):64, (N + 6):64, (N + 7):64>>.

sum(<<A:64, B:64, C:64, D:64, E:64, F:64, G:64, H:64>>) -> A + B + C + D + E + F + G + H.

expected(Count) ->
    Sum = fun(N) -> 8 * (N * 3) + 28 end,
    Count div ?PERIOD * lists:sum([Sum(N) || N <- lists:seq(0, ?PERIOD - 1)])
        + lists:sum([Sum(N) || N <- lists:seq(0, Count rem ?PERIOD - 1)]).

sink(Awaited, Collector, Count, Sum) ->
    receive
        {burst, Source} ->
            Source ! burst,
            sink(Awaited, Collector, Count, Sum);
        Payload when Count + 1 =:= Awaited ->
            Collector ! {total, Sum + sum(Payload)},
            sink(Awaited, Collector, Count + 1, 0);
        Payload ->
            sink(Awaited, Collector, Count + 1, Sum + sum(Payload))
    end.

relay(Next, Awaited, Collector, Count, Sum) ->
    receive
        {burst, Source} ->
            Next ! {burst, Source},
            relay(Next, Awaited, Collector, Count, Sum);
        Payload ->
            Next ! fill(Count),
            New = Sum + sum(Payload),
            Count + 1 =:= Awaited andalso (Collector ! {total, New}),
            relay(Next, Awaited, Collector, Count + 1, New)
    end.

source(How, Targets, Events) ->
    receive go -> ok end,
    Made = burst(How, Targets, 0, Events),
    source_loop(How, Targets, burst(How, Targets, Made, Events), Events).

source_loop(_, _, Events, Events) -> ok;
source_loop(How, Targets, Made, Events) ->
    await_burst(case How of all -> tuple_size(Targets); in_turn -> 1 end),
    source_loop(How, Targets, burst(How, Targets, Made, Events), Events).

await_burst(0) -> ok;
await_burst(N) -> receive burst -> await_burst(N - 1) end.

burst(How, Targets, Made, Events) ->
    End = min(Made + ?BURST, Events),
    produce(How, Targets, Made, End),
    case How of
        all -> [Target ! {burst, self()} || Target <- tuple_to_list(Targets)];
        in_turn -> element((End - 1) rem tuple_size(Targets) + 1, Targets) ! {burst, self()}
    end,
    End.

produce(_, _, End, End) -> ok;
produce(all, {Target} = Targets, Made, End) ->
    Target ! fill(Made),
    produce(all, Targets, Made + 1, End);
produce(all, Targets, Made, End) ->
    Payload = fill(Made),
    [Target ! Payload || Target <- tuple_to_list(Targets)],
    produce(all, Targets, Made + 1, End);
produce(in_turn, Targets, Made, End) ->
    element(Made rem tuple_size(Targets) + 1, Targets) ! fill(Made),
    produce(in_turn, Targets, Made + 1, End).

totals(0, Sum) -> Sum;
totals(Count, Sum) -> receive {total, Part} -> totals(Count - 1, Sum + Part) end.

relays(0, Targets, _, _) -> Targets;
relays(N, [Next], Awaited, Collector) ->
    relays(N - 1, [spawn(fun() -> relay(Next, Awaited, Collector, 0, 0) end)], Awaited, Collector).

flow(Sources, Sinks, Relays, Events, How) ->
    Collector = self(),
    Each = case How of all -> Events div (Sources * Sinks); in_turn -> (Events + Sinks - 1) div Sinks end,
    Made = case How of all -> Each; in_turn -> Each * Sinks end,
    Ends = [spawn(fun() -> sink(Each * Sources, Collector, 0, 0) end) || _ <- lists:seq(1, Sinks)],
    Targets = list_to_tuple(relays(Relays, Ends, Each, Collector)),
    Makers = [spawn(fun() -> source(How, Targets, Made) end) || _ <- lists:seq(1, Sources)],
    Before = erlang:monotonic_time(nanosecond),
    [Maker ! go || Maker <- Makers],
    Sum = totals(Sinks + Relays, 0),
    Took = erlang:monotonic_time(nanosecond) - Before,
    case How of
        all -> finish(Each * Sources * Sinks, Took, Sum, expected(Each) * Sources * Sinks * (1 + Relays));
        in_turn -> finish(Made, Took, Sum, expected(Made))
    end.

ping(_, Rounds, Rounds, Sum, Collector) -> Collector ! {total, Sum};
ping(Pong, Count, Rounds, Sum, Collector) ->
    Pong ! {self(), fill(Count)},
    receive {Pong, Payload} -> ping(Pong, Count + 1, Rounds, Sum + sum(Payload), Collector) end.

pong(Rounds, Rounds, Sum, Collector) -> Collector ! {total, Sum};
pong(Count, Rounds, Sum, Collector) ->
    receive
        {Ping, Payload} ->
            Ping ! {self(), fill(Count)},
            pong(Count + 1, Rounds, Sum + sum(Payload), Collector)
    end.

ping_pong(Rounds) ->
    Collector = self(),
    Before = erlang:monotonic_time(nanosecond),
    Pong = spawn(fun() -> pong(0, Rounds, 0, Collector) end),
    spawn(fun() -> ping(Pong, 0, Rounds, 0, Collector) end),
    Sum = totals(2, 0),
    finish(Rounds, erlang:monotonic_time(nanosecond) - Before, Sum, 2 * expected(Rounds)).

member(Collector) -> receive Payload -> Collector ! {total, sum(Payload)}, member(Collector) end.

many_actors(Count) ->
    Collector = self(),
    BytesBefore = erlang:memory(total),
    Before = erlang:monotonic_time(nanosecond),
    Actors = [spawn(fun() -> member(Collector) end) || _ <- lists:seq(1, Count)],
    Took = erlang:monotonic_time(nanosecond) - Before,
    Payload = fill(0),
    [Actor ! Payload || Actor <- Actors],
    Sum = totals(Count, 0),
    io:format("bytes_each ~w~nus_each ~w~n", [(erlang:memory(total) - BytesBefore) / Count, Took / Count / 1000]),
    finish(Count, Took, Sum, sum(Payload) * Count).

finish(Events, Nanoseconds, Sum, Expected) ->
    Valid = case Sum of Expected -> 1; _ -> 0 end,
    io:format("events ~w~nseconds ~w~nrate ~w~nvalid ~w~n",
              [Events, Nanoseconds * 1.0e-9, Events / Nanoseconds * 1000, Valid]),
    halt(1 - Valid).
