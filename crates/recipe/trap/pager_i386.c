/*
 * Cold code on demand, for i386.
 *
 * What didn't run when a kernel was traced is linked at addresses that nothing
 * backs, TUXLING_COLD_START and up, and kept page by page in a store
 * (vmlinux::cold_store has its format). Whatever calls it, jumps there or
 * returns there faults. This is the first thing in the way of such a fault: it
 * unpacks the page into one of a reserve, maps it, and goes back to what
 * faulted.
 *
 * It runs in any context, with interrupts off: it takes no lock, allocates
 * nothing, calls nothing, and touches nothing but its own data, the store, and
 * the page tables. When the reserve is used up, the machine stops as a trap
 * stops it.
 *
 * Nobody else uses the page tables of these addresses: a piece of the vmalloc
 * area that is taken out of it before anybody gets anything of it. Page
 * directories that were made before are completed at the fault.
 *
 * TUXLING_RESERVE is a number of pages. unpack.c stands where it is included.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <asm/extable.h>
#include <asm/idtentry.h>
#include <asm/pgtable.h>
#include <asm/ptrace.h>
#include <asm/sections.h>
#include <asm/special_insns.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#if defined(CONFIG_X86_PAE) || defined(CONFIG_SMP)
#error cold code is loaded by one processor, with page tables of two levels
#endif

#define COLD_PAGE	PAGE_SIZE
#include "unpack.c"

#define COLD_BYTES	(TUXLING_COLD_END - TUXLING_COLD_START)
#define TABLES		(COLD_BYTES >> PGDIR_SHIFT)

/* Linked in when the cold code is known. */
extern const struct store tuxling_cold_store __attribute__((weak));
void __init vmalloc_init(void); /* mm/internal.h */

/* How many pages were loaded, and which, in the order in which they were:
   tuxling reads them from outside. */
u32 tuxling_cold_loaded;
u16 tuxling_cold_pages[TUXLING_RESERVE];

static u8 reserve[TUXLING_RESERVE][PAGE_SIZE] __aligned(PAGE_SIZE);
static u32 tables[TABLES][PTRS_PER_PTE] __aligned(PAGE_SIZE);
static u32 busy;

/* Stops the machine; ADDRESS is told as where the call came from. */
#define STOP(name)							\
	void name(unsigned long address);				\
	noinstr __noreturn void name(unsigned long address)		\
	{								\
		asm volatile("pushl %0\n\tcall tuxling_trap"		\
			     : : "r" (address));			\
		__builtin_unreachable();				\
	}

STOP(tuxling_cold_used_up)
STOP(tuxling_cold_entered_twice)
STOP(tuxling_cold_no_room)

/* Whether the page of an address is there now, and wasn't before. */
static noinstr bool load(unsigned long address)
{
	u32 number = (address - TUXLING_COLD_START) >> PAGE_SHIFT;
	u32 *entry = &tables[number / PTRS_PER_PTE][number % PTRS_PER_PTE];
	u32 *directory = (u32 *)__va(__native_read_cr3() & PAGE_MASK) +
			 (address >> PGDIR_SHIFT);
	u32 table = __pa(tables[number / PTRS_PER_PTE]) | _KERNPG_TABLE_NOENC;
	bool done = false;

	if (number >= tuxling_cold_store.pages)
		return false;
	if (busy)
		tuxling_cold_entered_twice(address);
	busy = 1;
	if (!*entry) {
		u8 *page = reserve[tuxling_cold_loaded];

		if (tuxling_cold_loaded == TUXLING_RESERVE)
			tuxling_cold_used_up(address);
		unpack(&tuxling_cold_store, (const u8 *)_etext, page, number);
		turn(page, address & PAGE_MASK);
		tuxling_cold_pages[tuxling_cold_loaded++] = number;
		barrier();
		*entry = __pa(page) | _PAGE_PRESENT | _PAGE_ACCESSED;
		done = true;
	}
	if (!*directory) {
		*directory = table;
		done = true;
	}
	busy = 0;
	return done;
}

static __always_inline bool is_cold(unsigned long address)
{
	return address - TUXLING_COLD_START < COLD_BYTES;
}

/* In the place of exc_page_fault, which the entry code calls. */
void tuxling_cold_page_fault(struct pt_regs *regs, unsigned long error_code);
__visible noinstr void tuxling_cold_page_fault(struct pt_regs *regs,
					       unsigned long error_code)
{
	unsigned long address = native_read_cr2();

	if (is_cold(address) && !user_mode(regs) &&
	    !(error_code & (X86_PF_PROT | X86_PF_WRITE | X86_PF_USER)) &&
	    load(address))
		return;
	exc_page_fault(regs, error_code);
}

/* In the place of early_fixup_exception, as long as the kernel has no other
   handler. */
void tuxling_cold_early_exception(struct pt_regs *regs, int number);
void __init tuxling_cold_early_exception(struct pt_regs *regs, int number)
{
	unsigned long address = native_read_cr2();

	if (number == X86_TRAP_PF && is_cold(address) && load(address))
		return;
	early_fixup_exception(regs, number);
}

/* In the place of vmalloc_init: takes the addresses out of the vmalloc area,
   and completes the page directory that all others are copies of. */
void tuxling_cold_vmalloc_init(void);
void __init tuxling_cold_vmalloc_init(void)
{
	static struct vm_struct area = {
		.addr = (void *)TUXLING_COLD_START,
		.size = COLD_BYTES,
		.flags = VM_MAP,
	};
	u32 *directory = (u32 *)swapper_pg_dir +
			 (TUXLING_COLD_START >> PGDIR_SHIFT);
	u32 n;

	if (TUXLING_COLD_START < VMALLOC_START || TUXLING_COLD_END > VMALLOC_END)
		tuxling_cold_no_room(VMALLOC_START);
	for (n = 0; n < TABLES; n++)
		directory[n] = __pa(tables[n]) | _KERNPG_TABLE_NOENC;
	vm_area_add_early(&area);
	vmalloc_init();
}
