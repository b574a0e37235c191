/* Keyring: files with keys, see keyring.h. */
#include "lib/keyring.h"

#include <stdio.h>

#include "lib/suite.h"

void keyring_make_keys(struct keys *keys, const char *name)
{
    snprintf(keys->file, sizeof(keys->file), "%s/%s", report_ends_directory, name);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_generate(&keys->pair), MAIKO_OK);
    CU_ASSERT_EQUAL_FATAL(maiko_keypair_save(&keys->pair, keys->file, NULL, 0), MAIKO_OK);
}

void keyring_begin(struct keyring *ring)
{
    report_ends_begin();
    keyring_make_keys(&ring->server, "server");
    keyring_make_keys(&ring->first, "first");
    keyring_make_keys(&ring->second, "second");
    snprintf(ring->allow_file, sizeof(ring->allow_file), "%s/allow", report_ends_directory);
    ring->config = (maiko_bridge_config){.key_file = ring->server.file, .allow_file = ring->allow_file};
}

void keyring_admit_only(struct keyring *ring, const char *const *keys)
{
    ring->config.allow_file = NULL;
    ring->config.peer_keys = keys;
}

void keyring_start_client_as(struct report_end *client, const char *name, const char *endpoint, const struct keys *own,
                             const char *server_key)
{
    maiko_bridge_config config = {.key_file = own == NULL ? NULL : own->file};

    report_end_make(client, name, &config);
    CU_ASSERT_EQUAL(maiko_bridge_connect(client->bridge, endpoint, server_key), MAIKO_OK);
    report_end_start(client);
}

void keyring_start_client(struct report_end *client, const char *endpoint, const struct keys *own, const char *server_key)
{
    keyring_start_client_as(client, "client", endpoint, own, server_key);
}

void keyring_replace_file(const char *path, const char *text)
{
    char beside[160];
    FILE *file;

    snprintf(beside, sizeof(beside), "%s.new", path);
    file = fopen(beside, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(rename(beside, path), 0);
}

void keyring_allow(const char *file, const struct keys *first, const struct keys *second)
{
    char text[512];
    int len;

    len = snprintf(text, sizeof(text), "[first]\nkey = %s\npublish = #\nsubscribe = #\n", first->pair.public_key);
    if (second != NULL)
        snprintf(text + len, sizeof(text) - (size_t)len, "[second]\nkey = %s\npublish = #\nsubscribe = #\n",
                 second->pair.public_key);
    keyring_replace_file(file, text);
}
