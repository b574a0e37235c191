/* Port: where two processes of a benchmark meet over TCP. */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

/* The first of `count` neighbouring TCP ports of 127.0.0.1 that nobody listens at, below those that systems give to outgoing
 * connections.  Begins at one that depends on the process, so that programs run at once do not meet. */
unsigned bench_free_ports(unsigned count);

#endif
