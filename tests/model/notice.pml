/* How a shard takes in what another one wrote for it (runtime/ring.c, ring.h, exchange.c; a label here is the `step:` there).  The
 * writer's first flush has a batch for each of two readers, its second one for the first reader alone, which says so itself.  What
 * the first reader takes in it answers by a batch to the second one, which then has to find the writer's batch in its own ring: with
 * more than one batch a flush is believed once it is published.  Memory is weak as in ring.pml.
 *
 * Shown: whoever sees a batch sees what is in it, and whoever hears of a flush from somebody else finds what it brought him. */
#define ALONE 8

/* what everybody can see */
byte content[2]; /* of the writer's batches for the first reader */
byte word[2];    /* their flushes */
byte other_content;
byte other_word;
byte published;
byte dependency[2]; /* in the first reader's batches for the second */
byte answer[2];     /* their flushes */

/* stores that nobody else sees yet */
bool content_buffered[2];
bool word_buffered[2];
bool other_content_buffered;
bool other_word_buffered;
bool published_buffered;
byte buffered_published;
byte first_word; /* as the writer marks it */
bool dependency_buffered[2];
bool answer_buffered[2];

#define CONTENTS_STORED (!content_buffered[0] && !content_buffered[1] && !other_content_buffered)
#define WORDS_STORED (!word_buffered[0] && !word_buffered[1] && !other_word_buffered)

active proctype memory()
{
end_memory:
    do
    :: atomic { content_buffered[0] -> content[0] = 1; content_buffered[0] = false }
    :: atomic { content_buffered[1] -> content[1] = 2; content_buffered[1] = false }
    :: atomic { word_buffered[0] -> word[0] = first_word; word_buffered[0] = false }
    :: atomic { word_buffered[1] -> word[1] = 2 + ALONE; word_buffered[1] = false }
    :: atomic { other_content_buffered -> other_content = 1; other_content_buffered = false }
    :: atomic { other_word_buffered -> other_word = first_word; other_word_buffered = false }
    :: atomic { published_buffered -> published = buffered_published; published_buffered = false }
    :: atomic { dependency_buffered[0] -> dependency[0] = 1; dependency_buffered[0] = false }
    :: atomic { dependency_buffered[1] -> dependency[1] = 2; dependency_buffered[1] = false }
    :: atomic { answer_buffered[0] -> answer[0] = 1; answer_buffered[0] = false }
    :: atomic { answer_buffered[1] -> answer[1] = 2; answer_buffered[1] = false }
    od
}

active proctype writer()
{
#ifndef WITHOUT_publication
    first_word = 1;
#else
    first_word = 1 + ALONE;
#endif
    content_buffered[0] = true;
    other_content_buffered = true;
#ifndef WITHOUT_release_publish_alone
    (CONTENTS_STORED);
#endif
publish_alone:
    word_buffered[0] = true;
#ifndef WITHOUT_release_publish_alone
    (!word_buffered[0]);
#endif
    other_word_buffered = true;
#ifndef WITHOUT_release_publish_flush
    (CONTENTS_STORED && WORDS_STORED);
#endif
publish_flush:
    atomic { buffered_published = 1; published_buffered = true }
    content_buffered[1] = true;
#ifndef WITHOUT_release_publish_alone
    (CONTENTS_STORED && WORDS_STORED && !published_buffered);
#endif
    word_buffered[1] = true
}

active proctype reader()
{
    byte next = 0;
    byte early;

    do
    :: next < 2 ->
#ifdef WITHOUT_acquire_look_at_batch
        early = content[next];
#endif
look_at_batch:
        (word[next] == next + 1 + ALONE || (word[next] == next + 1 && published > next));
#ifndef WITHOUT_acquire_look_at_batch
        early = content[next];
#endif
        assert(early == next + 1);
        dependency_buffered[next] = true;
        (!dependency_buffered[next]);
        answer_buffered[next] = true;
        (!answer_buffered[next]);
        next++
    :: else -> break
    od
}

active proctype other_reader()
{
    byte next = 0;

    do
    :: next < 2 ->
        (answer[next] == next + 1);
        assert(dependency[next] == next + 1);
        assert(other_word == first_word);
        assert(other_content == 1);
        next++
    :: else -> break
    od
}
