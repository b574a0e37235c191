/* Everything of libmaiko: actors that subscribe to topics instead of knowing each other. */
#ifndef MAIKO_MAIKO_H
#define MAIKO_MAIKO_H

#include <maiko/actor.h>
#include <maiko/allocator.h>
#include <maiko/base.h>
#include <maiko/context.h>
#include <maiko/counters.h>
#include <maiko/envelope.h>
#include <maiko/event.h>
#include <maiko/id.h>
#include <maiko/send.h>
#include <maiko/status.h>
#include <maiko/supervisor.h>
#include <maiko/topic.h>
#include <maiko/topology.h>

#endif
