/*
 * Unpacks a page of a store of cold code: the decoder of vmlinux::cold_store,
 * where the format is told, and of whose numbers these are copies.
 *
 * It takes no memory but its own variables, and trusts what it reads: it is
 * linked with what it unpacks.
 */
#define PROBABILITY_BITS	11
#define SHIFT			5
#define MATCH			0
#define AGAIN			2
#define LENGTH			3
#define LENGTH_BITS		6
#define SLOT			(LENGTH + (1 << LENGTH_BITS))
#define SLOT_BITS		6
#define LENGTH_CLASSES		4
#define LOW			(SLOT + LENGTH_CLASSES * (1 << SLOT_BITS))
#define LOW_BITS		4
#define LITERAL			(LOW + (1 << LOW_BITS))
#define CONTEXT_BITS		4
#define PROBABILITIES		(LITERAL + (1 << CONTEXT_BITS) * 256)
#define SHORTEST		2

struct store {
	u32 pages;
	u32 dictionary;
	u8 priors[PROBABILITIES];
	u8 lengths[];
};

static u16 probabilities[PROBABILITIES];
static u32 range, code;
static const u8 *input;

static __always_inline void renew(void)
{
	if (range < 1u << 24) {
		range <<= 8;
		code = code << 8 | *input++;
	}
}

static noinstr u32 bit(u32 context)
{
	u16 *p = &probabilities[context];
	u32 bound = (range >> PROBABILITY_BITS) * *p;
	u32 one = code >= bound;

	if (one) {
		range -= bound;
		code -= bound;
		*p -= *p >> SHIFT;
	} else {
		range = bound;
		*p += ((1 << PROBABILITY_BITS) - *p) >> SHIFT;
	}
	renew();
	return one;
}

static noinstr u32 even(u32 value, u32 bits)
{
	while (bits--) {
		range >>= 1;
		value <<= 1;
		if (code >= range) {
			code -= range;
			value |= 1;
		}
		renew();
	}
	return value;
}

static noinstr u32 tree(u32 base, u32 bits)
{
	u32 node = 1, n = bits;

	while (n--)
		node = node << 1 | bit(base + node);
	return node - (1u << bits);
}

static noinstr u32 distance(u32 length)
{
	u32 class = length - SHORTEST;
	u32 slot, more, value;

	if (class > LENGTH_CLASSES - 1)
		class = LENGTH_CLASSES - 1;
	slot = tree(SLOT + (class << SLOT_BITS), SLOT_BITS);
	if (slot < 4)
		return slot + 1;
	more = (slot >> 1) - 1;
	value = 2 | (slot & 1);
	if (more <= LOW_BITS)
		return even(value, more) + 1;
	value = even(value, more - LOW_BITS);
	return (value << LOW_BITS | tree(LOW, LOW_BITS)) + 1;
}

/* Unpacks a page. The dictionary is known by its end. */
static noinstr void unpack(const struct store *store, const u8 *dictionary,
			   u8 *page, u32 number)
{
	u32 at, last = 0, after_match = 0, n;

	input = store->lengths + 2 * store->pages;
	for (n = 0; n < number; n++)
		input += store->lengths[2 * n] | store->lengths[2 * n + 1] << 8;
	for (n = 0; n < PROBABILITIES; n++)
		probabilities[n] = store->priors[n] << (PROBABILITY_BITS - 8);
	range = ~0u;
	for (n = 0; n < 4; n++)
		code = code << 8 | *input++;

	for (at = 0; at < COLD_PAGE; ) {
		u32 length;

		if (!bit(MATCH + after_match)) {
			u32 before = at ? page[at - 1] : 0;

			before >>= 8 - CONTEXT_BITS;
			page[at++] = tree(LITERAL + (before << 8), 8);
			after_match = 0;
			continue;
		}
		n = bit(AGAIN);
		length = tree(LENGTH, LENGTH_BITS) + SHORTEST;
		if (!n)
			last = distance(length);
		while (length-- && at < COLD_PAGE) {
			page[at] = last > at ? dictionary[(s32)(at - last)] :
					       page[at - last];
			at++;
		}
		after_match = 1;
	}
}

/* Distances of calls and jumps are stored as addresses. */
static noinstr void turn(u8 *page, u32 address)
{
	u32 at = 0;

	while (at + 5 <= COLD_PAGE) {
		if ((page[at] & 0xfe) != 0xe8) {
			at++;
			continue;
		}
		*(u32 *)(page + at + 1) -= address + at + 5;
		at += 5;
	}
}
