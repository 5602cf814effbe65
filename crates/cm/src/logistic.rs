//! Between chances and the logistic domain, where they are mixed.

/// 65536 / (1 + e^-x) for x = 0, 0.5, …, 12.
const LOGISTIC: [u16; 25] = [
    32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374,
    65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535, 65535, 65535,
];

/// The most that [`squash`] takes, in 256ths.
pub(crate) const MOST: i32 = 3071;

/// `x` in 256ths, between −3071 and 3071, to a chance of 65536.
pub(crate) fn squash(x: i32) -> u32 {
    let size = x.unsigned_abs();
    let at = (size >> 7) as usize;
    let part = size & 127;
    let value = ((128 - part) * u32::from(LOGISTIC[at]) + part * u32::from(LOGISTIC[at + 1])) >> 7;
    if x < 0 { 65536 - value } else { value }
}

/// The inverse for chances of 4096.
pub(crate) fn stretch_table() -> Vec<i32> {
    let mut table = Vec::with_capacity(4096);
    for x in -2300..=2300 {
        let reached = (squash(x) >> 4) as usize;
        while table.len() <= reached && table.len() < 4096 {
            table.push(x);
        }
    }
    table.resize(4096, 2300);
    table
}
