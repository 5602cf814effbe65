//! What of a record is over the recipe's budget.

use host::units::Bytes;
use recipe::plan::BudgetPlan;
use record::Record;

/// What of a record is over the budget, a line each.
pub fn over_budget(budget: &BudgetPlan, record: &Record) -> Vec<String> {
    let image = &record.image;
    let rows = [
        (
            "the kernel's image",
            budget.image,
            Some(Bytes(image.kernel_bytes)),
        ),
        (
            "the ramdisk",
            budget.ramdisk,
            Some(Bytes(image.ramdisk_bytes)),
        ),
        (
            match image.root_bytes {
                Some(_) => "kernel and root file system together",
                None => "kernel and ramdisk together",
            },
            budget.total,
            Some(Bytes(image.total_bytes)),
        ),
        ("used RAM", budget.ram, record.ram.used_kib.map(Bytes::kib)),
    ];
    rows.into_iter()
        .filter_map(|(name, limit, is)| {
            let (limit, is) = (limit?, is?);
            let over = is.0.checked_sub(limit.0).filter(|over| *over > 0)?;
            Some(format!("{name}: {is}, {} more than {limit}", Bytes(over)))
        })
        .collect()
}
