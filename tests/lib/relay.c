/* Relay: one thread, one poll. */
#include "lib/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wait.h"

static struct sockaddr_in here(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(int *pair)
{
    if (pair[0] < 0)
        return;
    close(pair[0]);
    close(pair[1]);
    pair[0] = pair[1] = -1;
}

static void take(struct relay *relay)
{
    const struct sockaddr_in target = here(relay->target_port);
    int fd = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    int i = 0;

    while (i < RELAY_PAIRS && relay->pairs[i][0] >= 0)
        i++;
    if (fd < 0 || i == RELAY_PAIRS || atomic_load(&relay->is_parted) ||
        connect(other, (const struct sockaddr *)&target, sizeof(target)) != 0) {
        if (fd >= 0)
            close(fd);
        close(other);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    relay->pairs[i][0] = fd;
    relay->pairs[i][1] = other;
}

/* False when one side has closed. */
static bool pass(int from, int to)
{
    char bytes[16384];
    ssize_t len = read(from, bytes, sizeof(bytes));
    ssize_t done = 0;

    while (done < len) {
        ssize_t written = send(to, bytes + done, (size_t)(len - done), MSG_NOSIGNAL);

        if (written <= 0)
            return false;
        done += written;
    }
    return len > 0;
}

static void pass_all(struct relay *relay, const struct pollfd *fds)
{
    int i;
    int side;

    for (i = 0; i < RELAY_PAIRS; i++)
        for (side = 0; side < 2; side++)
            if (relay->pairs[i][0] >= 0 && fds[2 * i + side].revents != 0 && fds[2 * i + side].fd == relay->pairs[i][side] &&
                !pass(relay->pairs[i][side], relay->pairs[i][1 - side]))
                close_pair(relay->pairs[i]);
}

static void obey(struct relay *relay)
{
    unsigned wanted = atomic_load(&relay->cuts_wanted);
    uint64_t woken;
    int i;

    if (read(relay->wake_fd, &woken, sizeof(woken)) != sizeof(woken))
        return;
    for (i = 0; i < RELAY_PAIRS; i++)
        close_pair(relay->pairs[i]);
    atomic_store(&relay->cuts_done, wanted);
}

static void *run(void *userdata)
{
    struct relay *relay = userdata;
    struct pollfd fds[2 * RELAY_PAIRS + 2];
    int i;

    while (!atomic_load(&relay->wants_end)) {
        for (i = 0; i < 2 * RELAY_PAIRS; i++)
            fds[i] = (struct pollfd){.fd = relay->pairs[i / 2][i % 2], .events = POLLIN};
        fds[i++] = (struct pollfd){.fd = relay->wake_fd, .events = POLLIN};
        fds[i++] = (struct pollfd){.fd = relay->listen_fd, .events = POLLIN};
        if (poll(fds, (nfds_t)i, -1) < 0)
            continue;
        pass_all(relay, fds);
        if (fds[2 * RELAY_PAIRS].revents != 0)
            obey(relay);
        if (fds[2 * RELAY_PAIRS + 1].revents != 0)
            take(relay);
    }
    return NULL;
}

bool relay_init(struct relay *relay, int target_port)
{
    struct sockaddr_in address = here(0);
    socklen_t len = sizeof(address);

    memset(relay, 0, sizeof(*relay));
    memset(relay->pairs, -1, sizeof(relay->pairs));
    relay->target_port = target_port;
    relay->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    relay->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (bind(relay->listen_fd, (const struct sockaddr *)&address, len) != 0 || listen(relay->listen_fd, RELAY_PAIRS) != 0 ||
        getsockname(relay->listen_fd, (struct sockaddr *)&address, &len) != 0)
        return false;
    relay->port = ntohs(address.sin_port);
    return pthread_create(&relay->thread, NULL, run, relay) == 0;
}

static void wake(struct relay *relay)
{
    const uint64_t one = 1;

    if (write(relay->wake_fd, &one, sizeof(one)) != sizeof(one))
        atomic_store(&relay->wants_end, true);
}

void relay_cut(struct relay *relay)
{
    unsigned number = atomic_fetch_add(&relay->cuts_wanted, 1) + 1;

    wake(relay);
    (void)wait_until(atomic_load(&relay->cuts_done) >= number, 60000);
}

void relay_part(struct relay *relay)
{
    atomic_store(&relay->is_parted, true);
    relay_cut(relay);
}

void relay_join(struct relay *relay)
{
    atomic_store(&relay->is_parted, false);
}

void relay_deinit(struct relay *relay)
{
    int i;

    atomic_store(&relay->wants_end, true);
    wake(relay);
    pthread_join(relay->thread, NULL);
    for (i = 0; i < RELAY_PAIRS; i++)
        close_pair(relay->pairs[i]);
    close(relay->listen_fd);
    close(relay->wake_fd);
}
