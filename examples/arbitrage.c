/* Arbitrage: two exchanges speak their own formats, a normalizer translates, a trader buys here and sells there when prices
 * cross.
 *
 *     alpha --raw/alpha--> normalizer --market--> trader --order/alpha--> alpha
 *     beta  --raw/beta---/                    \-> database      \-order/beta--> beta
 *
 * The topic of an order is computed from the order.  Beta's last bid is above alpha's ask, so there is exactly one trade. */
#include <maiko/maiko.h>
#include <stdio.h>
#include <stdlib.h>

#define EXCHANGE_LABELS(L) L(ALPHA, 0, "alpha") L(BETA, 1, "beta")
MAIKO_ENUM(exchange, EXCHANGE_LABELS)
#define SIDE_LABELS(L) L(BUY, 0, "buy") L(SELL, 1, "sell")
MAIKO_ENUM(side, SIDE_LABELS)

#define ALPHA_TICK_FIELDS(F) F(DOUBLE, bid) F(DOUBLE, ask) F(UINT32, quantity)
MAIKO_EVENT(alpha_tick, "raw/alpha", ALPHA_TICK_FIELDS)

#define BETA_TICK_FIELDS(F) F(STRING, price, 16) F(INT8, side) F(UINT32, count)
MAIKO_EVENT(beta_tick, "raw/beta", BETA_TICK_FIELDS)

/* An offer to buy or to sell, whoever made it. */
#define MARKET_TICK_FIELDS(F) F(ENUM, where, exchange) F(ENUM, side, side) F(DOUBLE, price) F(UINT32, quantity)
MAIKO_EVENT(market_tick, "market", MARKET_TICK_FIELDS)

static const char *order_topic(const void *event, char *buffer, size_t size);
MAIKO_EVENT_WITH(order, MAIKO_COMPUTED_TOPIC, MARKET_TICK_FIELDS, .topic_of = order_topic)

static const char *const exchange_names[] = {"alpha", "beta"};

static const char *order_topic(const void *event, char *buffer, size_t size)
{
    const order *o = event;

    if (o->where != ALPHA && o->where != BETA)
        return NULL;
    snprintf(buffer, size, "order/%s", exchange_names[o->where]);
    return buffer;
}

/* --- exchanges: send their ticks, execute orders --- */

static maiko_step alpha_step(void *self, maiko_context *ctx)
{
    static const alpha_tick ticks[] = {{100.0, 101.0, 50}, {100.5, 101.5, 50}, {100.0, 101.0, 50}};

    (void)self;
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++)
        maiko_send_event(ctx, alpha_tick, &ticks[i]);
    maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static maiko_step beta_step(void *self, maiko_context *ctx)
{
    static const beta_tick ticks[] = {{"99.50", 'B', 80}, {"108.00", 'S', 80}, {"105.00", 'B', 40}};

    (void)self;
    for (size_t i = 0; i < sizeof ticks / sizeof ticks[0]; i++)
        maiko_send_event(ctx, beta_tick, &ticks[i]);
    maiko_finish(ctx);
    return MAIKO_STEP_NEVER;
}

static maiko_status execute(void *self, maiko_context *ctx, const order *o, const maiko_envelope *env)
{
    (void)self;
    printf("%s: %s %u at %.2f for %s\n", maiko_context_name(ctx), o->side == BUY ? "sold" : "bought", (unsigned)o->quantity,
           o->price, maiko_envelope_sender(env));
    return MAIKO_OK;
}

static const maiko_handler exchange_handlers[] = {MAIKO_ON(order, execute), MAIKO_HANDLERS_END};
static const maiko_actor_ops alpha = {.step = alpha_step, .handlers = exchange_handlers};
static const maiko_actor_ops beta = {.step = beta_step, .handlers = exchange_handlers};

/* --- normalizer --- */

static maiko_status on_alpha(void *self, maiko_context *ctx, const alpha_tick *t, const maiko_envelope *env)
{
    (void)self;
    maiko_send_child(ctx, env, market_tick, .where = ALPHA, .side = BUY, .price = t->bid, .quantity = t->quantity);
    return maiko_send_child(ctx, env, market_tick, .where = ALPHA, .side = SELL, .price = t->ask, .quantity = t->quantity);
}

static maiko_status on_beta(void *self, maiko_context *ctx, const beta_tick *t, const maiko_envelope *env)
{
    (void)self;
    return maiko_send_child(ctx, env, market_tick, .where = BETA, .side = t->side == 'B' ? BUY : SELL, .price = atof(t->price),
                            .quantity = t->count);
}

static const maiko_handler normalizer_handlers[] = {MAIKO_ON(alpha_tick, on_alpha), MAIKO_ON(beta_tick, on_beta),
                                                    MAIKO_HANDLERS_END};
static const maiko_actor_ops normalizer = {.handlers = normalizer_handlers};

/* --- trader: the latest offers of each exchange; an offer that was taken is gone --- */

struct trader {
    market_tick offers[2][2]; /* by exchange and side; quantity 0: none */
};

static maiko_status trade(maiko_context *ctx, const maiko_envelope *env, market_tick *bid, market_tick *ask)
{
    const uint32_t quantity = bid->quantity < ask->quantity ? bid->quantity : ask->quantity;

    printf("trader: buys %u at %s for %.2f, sells at %s for %.2f\n", (unsigned)quantity, exchange_names[ask->where], ask->price,
           exchange_names[bid->where], bid->price);
    maiko_send_child(ctx, env, order, .where = ask->where, .side = BUY, .price = ask->price, .quantity = quantity);
    maiko_send_child(ctx, env, order, .where = bid->where, .side = SELL, .price = bid->price, .quantity = quantity);
    bid->quantity = 0;
    ask->quantity = 0;
    return MAIKO_OK;
}

static maiko_status on_market(void *self, maiko_context *ctx, const market_tick *t, const maiko_envelope *env)
{
    struct trader *trader = self;

    trader->offers[t->where][t->side] = *t;
    for (int where = ALPHA; where <= BETA; where++) {
        market_tick *bid = &trader->offers[where][BUY];
        market_tick *ask = &trader->offers[1 - where][SELL];

        if (bid->quantity > 0 && ask->quantity > 0 && bid->price > ask->price)
            return trade(ctx, env, bid, ask);
    }
    return MAIKO_OK;
}

static const maiko_handler trader_handlers[] = {MAIKO_ON(market_tick, on_market), MAIKO_HANDLERS_END};
static const maiko_actor_ops trader = {.handlers = trader_handlers};

/* --- database: what was there --- */

static maiko_status store(void *self, maiko_context *ctx, const maiko_envelope *env)
{
    (void)ctx;
    (void)env;
    ++*(unsigned *)self;
    return MAIKO_OK;
}

static maiko_status print_stored(void *self, maiko_context *ctx)
{
    (void)ctx;
    printf("database: %u market ticks\n", *(unsigned *)self);
    return MAIKO_OK;
}

static const maiko_actor_ops database = {.handle = store, .on_stop = print_stored};

static const maiko_actor_spec actors[] = {
    {.name = "database", .ops = &database, .state_size = sizeof(unsigned), .subscribe = MAIKO_TOPICS("market")},
    {.name = "trader",
     .ops = &trader,
     .state_size = sizeof(struct trader),
     .subscribe = MAIKO_TOPICS("market"),
     .publish = MAIKO_TOPICS("order/+")},
    {.name = "normalizer", .ops = &normalizer, .subscribe = MAIKO_TOPICS("raw/+"), .publish = MAIKO_TOPICS("market")},
    {.name = "alpha", .ops = &alpha, .subscribe = MAIKO_TOPICS("order/alpha"), .publish = MAIKO_TOPICS("raw/alpha")},
    {.name = "beta", .ops = &beta, .subscribe = MAIKO_TOPICS("order/beta"), .publish = MAIKO_TOPICS("raw/beta")},
};

int main(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(NULL);

    maiko_supervisor_add_table(sup, actors, sizeof actors / sizeof actors[0]);
    maiko_supervisor_run(sup);
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}
