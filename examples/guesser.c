/* Guesser: two players guess at their own pace, a game pairs their latest guesses, a printer shows the ten results. */
#include <maiko/maiko.h>
#include <stdio.h>

enum { ROUNDS = 10 };

#define GUESS_FIELDS(F) F(UINT32, player) F(UINT32, number)
MAIKO_EVENT(guess, "game", GUESS_FIELDS)

#define RESULT_FIELDS(F) F(ARRAY, numbers, UINT32, 2)
MAIKO_EVENT(result, "output", RESULT_FIELDS)

#define MESSAGE_FIELDS(F) F(STRING, text, 128)
MAIKO_EVENT(message, "output", MESSAGE_FIELDS)

/* --- players: a step that sends and backs off --- */

struct player {
    uint32_t index;
    uint64_t pause_ns;
    uint32_t dice;
};

static maiko_step play(void *self, maiko_context *ctx)
{
    struct player *player = self;

    player->dice = player->dice * 1664525 + 1013904223;
    maiko_send(ctx, guess, .player = player->index, .number = (player->dice >> 16) % 10);
    return MAIKO_STEP_BACKOFF(player->pause_ns);
}

static const maiko_actor_ops player = {.step = play};

/* --- game: a result once both have guessed --- */

struct game {
    unsigned rounds;
    bool has_guessed[2];
    uint32_t numbers[2];
};

static maiko_status welcome(void *self, maiko_context *ctx)
{
    (void)self;
    return maiko_send(ctx, message, .text = "Welcome to the Guessing Game!\n(the game will stop after 10 rounds)");
}

static maiko_status on_guess(void *self, maiko_context *ctx, const guess *event, const maiko_envelope *env)
{
    struct game *game = self;
    result both = {.numbers = {0}};

    if (event->player > 1 || game->rounds == ROUNDS)
        return MAIKO_OK;
    game->has_guessed[event->player] = true;
    game->numbers[event->player] = event->number;
    if (!game->has_guessed[0] || !game->has_guessed[1])
        return MAIKO_OK;
    both.numbers[0] = game->numbers[0];
    both.numbers[1] = game->numbers[1];
    game->has_guessed[0] = game->has_guessed[1] = false;
    maiko_send_child_event(ctx, env, result, &both);
    if (++game->rounds == ROUNDS)
        return maiko_stop_runtime(ctx); /* drains: the tenth result is printed, too */
    return MAIKO_OK;
}

static const maiko_handler game_handlers[] = {MAIKO_ON(guess, on_guess), MAIKO_HANDLERS_END};
static const maiko_actor_ops game = {.on_start = welcome, .handlers = game_handlers};

/* --- printer --- */

static maiko_status on_message(void *self, maiko_context *ctx, const message *event, const maiko_envelope *env)
{
    (void)self;
    (void)ctx;
    (void)env;
    puts(event->text);
    return MAIKO_OK;
}

static maiko_status on_result(void *self, maiko_context *ctx, const result *event, const maiko_envelope *env)
{
    const uint32_t *numbers = event->numbers;

    (void)self;
    (void)ctx;
    (void)env;
    if (numbers[0] == numbers[1])
        printf("Match! Both players guessed %u\n", (unsigned)numbers[0]);
    else
        printf("No match. Player1: %u, Player2: %u\n", (unsigned)numbers[0], (unsigned)numbers[1]);
    return MAIKO_OK;
}

static const maiko_handler printer_handlers[] = {MAIKO_ON(message, on_message), MAIKO_ON(result, on_result), MAIKO_HANDLERS_END};
static const maiko_actor_ops printer = {.handlers = printer_handlers};

int main(void)
{
    struct player players[] = {{.index = 0, .pause_ns = MAIKO_MS(50), .dice = 11},
                               {.index = 1, .pause_ns = MAIKO_MS(35), .dice = 7}};
    const maiko_actor_spec actors[] = {
        {.name = "Printer", .ops = &printer, .subscribe = MAIKO_TOPICS("output")},
        {.name = "Game", .ops = &game, .state_size = sizeof(struct game), .subscribe = MAIKO_TOPICS("game")},
        {.name = "Player1", .ops = &player, .self = &players[0]},
        {.name = "Player2", .ops = &player, .self = &players[1]},
    };
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_status status;

    maiko_supervisor_add_table(sup, actors, sizeof actors / sizeof actors[0]);
    maiko_supervisor_run(sup);
    status = maiko_supervisor_stop(&sup, NULL);
    puts("\nGame over!");
    return maiko_exit_code(status);
}
