/*
 * Compiled against a kernel tree, this says how long the entries of the
 * kernel's tables are. A structure that the configuration doesn't have is left
 * out; pruning stops if it meets a table of it.
 */
#include <linux/init.h>
#include <linux/moduleparam.h>
#include <linux/bug.h>
#include <linux/jump_label.h>
#include <linux/static_call_types.h>
#include <linux/serial_core.h>
#include <linux/pci.h>
#include <asm/extable.h>
#if defined(CONFIG_X86) || defined(CONFIG_ARM64)
#include <asm/alternative.h>
#endif
#ifdef CONFIG_ARM
#include <asm/setup.h>
#endif

#define SIZE(name) \
	extern const unsigned int tuxling_sizeof_##name; \
	const unsigned int tuxling_sizeof_##name = sizeof(struct name)

SIZE(exception_table_entry);
SIZE(obs_kernel_param);
SIZE(kernel_param);
SIZE(static_call_site);
SIZE(pci_fixup);
#ifdef CONFIG_GENERIC_BUG
SIZE(bug_entry);
#endif
#ifdef CONFIG_JUMP_LABEL
SIZE(jump_entry);
#endif
#ifdef CONFIG_SERIAL_CORE
SIZE(earlycon_id);
#endif
#if defined(CONFIG_X86) || defined(CONFIG_ARM64)
SIZE(alt_instr);
#endif
#ifdef CONFIG_ARM
SIZE(tagtable);
#endif
