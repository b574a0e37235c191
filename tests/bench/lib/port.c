/* Port: tries to listen, and takes what worked. */
#include "bench/lib/port.h"

#include "bench/lib/subject.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOWEST 12000u
#define PORTS 20000u

static bool is_free(unsigned port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool found;

    if (fd < 0)
        subject_die("no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)); /* as who will listen there does */
    found = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
    close(fd);
    return found;
}

unsigned bench_free_ports(unsigned count)
{
    for (unsigned tried = 0; tried + count <= PORTS; tried += count) {
        const unsigned first = LOWEST + ((unsigned)getpid() * count + tried) % (PORTS - count);
        unsigned nth = 0;

        while (nth < count && is_free(first + nth))
            nth++;
        if (nth == count)
            return first;
    }
    subject_die("no free port");
}
