/* Private tables: zeroed, whole, apart; large ones begin where a huge page can. */
#include <string.h>

#include "shm/table.h"
#include "tests/tap.h"

static const uint64_t SIZES[] = {1, 4096, 4097, (2u << 20) - 1, 2u << 20, (2u << 20) + 1, 9u << 20};
#define NR (sizeof(SIZES) / sizeof(SIZES[0]))

static uint64_t set_bytes(const uint8_t *p, uint64_t n)
{
	uint64_t set = 0;

	for (uint64_t i = 0; i < n; i++)
		set += p[i] != 0;
	return set;
}

int main(void)
{
	uint8_t *t[NR];
	uint64_t set = 0, lost = 0, odd = 0;

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < NR; i++) {
			t[i] = fos_table_new(SIZES[i]);
			if (!t[i]) {
				ok(0, "memory for %llu bytes", (unsigned long long)SIZES[i]);
				return done();
			}
			set += set_bytes(t[i], SIZES[i]);
			odd += SIZES[i] >= 2u << 20 && (uintptr_t)t[i] % (2u << 20);
			memset(t[i], (int)i + 1, SIZES[i]);
		}
		for (uint32_t i = 0; i < NR; i++)
			for (uint64_t at = 0; at < SIZES[i]; at++)
				lost += t[i][at] != i + 1;
		for (uint32_t i = 0; i < NR; i++)
			fos_table_free(t[i], SIZES[i]);
	}
	ok(set == 0, "tables are zeroed, also where others have been");
	ok(odd == 0, "large ones begin where a huge page can");
	ok(lost == 0, "none lies upon another");
	ok(fos_table_new(1ull << 60) == NULL, "what no machine has is refused");
	fos_table_free(NULL, 4096);
	return done();
}
