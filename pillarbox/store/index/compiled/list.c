/* Runs by their octets, in a table of hashes, and the messages they are in. */

#include "list.h"

uint64_t secret[3];
unsigned char kinds[256];

int
grown(void **items, size_t *room, size_t needed, size_t each)
{
    if (needed <= *room)
        return 0;
    size_t more = *room ? *room : 1024;
    while (more < needed)
        more *= 2;
    void *moved = realloc(*items, more * each);
    if (moved == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *items = moved;
    *room = more;
    return 0;
}

void
dropped(List *list)
{
    free(list->octets);
    free(list->runs);
    free(list->slots);
    free(list->postings);
    memset(list, 0, sizeof *list);
}

static uint64_t
word_at(const unsigned char *octets, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, octets, size);
    return word;
}

static uint64_t
mixed(uint64_t one, uint64_t other)
{
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t
key_of(const unsigned char *octets, size_t size)
{
    if (size >= 8)
        return word_at(octets, 8);
    if (size >= 4)
        return word_at(octets, 4) | word_at(octets + size - 4, 4) << 32;
    return size ? (uint64_t)octets[0] << 16 | (uint64_t)octets[size / 2] << 8 | octets[size - 1] : 0;
}

uint64_t
hash_of(uint64_t key, const unsigned char *octets, size_t size)
{
    uint64_t hash = mixed(key ^ secret[0] ^ size, secret[1]);
    for (; size > 8; size -= 8) {
        octets += 8;
        hash = mixed(hash ^ key_of(octets, size - 8), secret[2]);
    }
    return hash;
}

int
rehashed(List *list)
{
    size_t room = list->mask ? 2 * (list->mask + 1) : 4096;
    Slot *slots = calloc(room, sizeof *slots);
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t number = 0; number < list->count; number++) {
        Run *run = list->runs + number;
        uint64_t hash = hash_of(run->key, list->octets + run->at, run->size);
        size_t at = hash & (room - 1);
        while (slots[at].run)
            at = (at + 1) & (room - 1);
        slots[at] = (Slot){(uint32_t)(hash >> 32), (uint32_t)number + 1};
    }
    free(list->slots);
    list->slots = slots;
    list->mask = room - 1;
    return 0;
}

/* The place of a run among the slots, or the free one where it belongs. */
static size_t
slot_of(const List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    size_t at = hash & list->mask;
    for (; list->slots[at].run; at = (at + 1) & list->mask) {
        if (list->slots[at].tag != tag)
            continue;
        const Run *run = list->runs + list->slots[at].run - 1;
        if (run->size == size && run->key == key &&
            (size <= 8 || memcmp(list->octets + run->at, octets, size) == 0))
            break;
    }
    return at;
}

/* The number of a run; -1 where there is none like it. */
int64_t
number_in(const List *list, const unsigned char *octets, size_t size)
{
    if (list->mask == 0)
        return -1;
    uint64_t key = key_of(octets, size);
    return (int64_t)list->slots[slot_of(list, key, hash_of(key, octets, size), octets, size)].run - 1;
}

/* The number of a run, which is given one where it is new; -1 with an error. */
int64_t
number_of(List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size)
{
    if (list->mask == 0 && rehashed(list))
        return -1;
    size_t at = slot_of(list, key, hash, octets, size);
    if (list->slots[at].run)
        return list->slots[at].run - 1;
    if (list->used + size > MOST_OCTETS || list->count >= MOST_RUNS) {
        PyErr_SetString(PyExc_OverflowError, "too much to be listed together");
        return -1;
    }
    if (grown((void **)&list->octets, &list->room, list->used + size + 1, 1) ||
        grown((void **)&list->runs, &list->runs_room, list->count + 1, sizeof(Run)))
        return -1;
    memcpy(list->octets + list->used, octets, size);
    list->runs[list->count] = (Run){key, (uint32_t)list->used, (uint32_t)size, 0, 0};
    list->used += size;
    list->slots[at] = (Slot){(uint32_t)(hash >> 32), (uint32_t)++list->count};
    if (2 * list->count > list->mask && rehashed(list))
        return -1;
    return (int64_t)list->count - 1;
}

static int
posted(List *list, uint64_t key, uint64_t hash, const unsigned char *octets, size_t size, uint32_t message)
{
    int64_t number = number_of(list, key, hash, octets, size);
    if (number < 0)
        return -1;
    Run *run = list->runs + number;
    if (run->last == message + 1)
        return 0;
    if (grown((void **)&list->postings, &list->postings_room, list->posted + 1, sizeof(Posting)))
        return -1;
    run->last = message + 1;
    run->count++;
    list->postings[list->posted++] = (Posting){(uint32_t)number, message};
    return 0;
}

/* List what waits. */
int
settled(List *list)
{
    for (size_t at = 0; at < list->wait; at++) {
        const Slot *slot = list->slots + (list->waiting[at].hash & list->mask);
        if (slot->run)
            __builtin_prefetch(list->runs + slot->run - 1);
    }
    for (size_t at = 0; at < list->wait; at++) {
        const Waiting *run = list->waiting + at;
        if (posted(list, run->key, run->hash, run->octets, run->size, run->message))
            return -1;
    }
    list->wait = 0;
    return 0;
}

/* List a run as being in a message. All runs of a message come before those of the next. */
int
listed(List *list, const unsigned char *octets, size_t size, uint32_t message)
{
    uint64_t key = key_of(octets, size);
    return posted(list, key, hash_of(key, octets, size), octets, size, message);
}

/* As `listed`, for a list that is too long for the nearer caches, where nearly all the time goes by waiting
   for a slot, and for the run it tells. So some runs are collected, while their slots are fetched, and then
   looked up together. They have at most `SHORT` octets. */
int
listed_soon(List *list, const unsigned char *octets, size_t size, uint32_t message)
{
    uint64_t key = key_of(octets, size), hash = hash_of(key, octets, size);
    if (list->mask == 0 && rehashed(list))
        return -1;
    __builtin_prefetch(list->slots + (hash & list->mask));
    Waiting *run = list->waiting + list->wait++;
    run->key = key;
    run->hash = hash;
    run->size = (uint32_t)size;
    run->message = message;
    memcpy(run->octets, octets, size);
    return list->wait == TOGETHER ? settled(list) : 0;
}
