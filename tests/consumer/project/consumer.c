/* A program of somebody else: headers and library are of the same version, and a function of the library answers. */
#include <maiko/base.h>
#include <maiko/id.h>

#include <stdio.h>

int main(void)
{
    char text[MAIKO_ID_TEXT_SIZE];
    maiko_id id;

    printf("libmaiko %s\n", maiko_version());
    if (maiko_version_number() != MAIKO_VERSION_NUMBER)
        return 1;
    if (maiko_id_parse("6ba7b810-9dad-81d1-80b4-000000000001", &id) != MAIKO_OK)
        return 1;
    puts(maiko_id_format(id, text));
    return maiko_exit_code(MAIKO_OK);
}
