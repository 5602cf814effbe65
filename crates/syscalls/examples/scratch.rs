fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let image = syscalls::Image::parse(&bytes).unwrap();
        let t = std::time::Instant::now();
        let calls = syscalls::calls(&image);
        println!("{path}: sites {} numbers {} undetermined {} in {:?}", calls.sites, calls.numbers.len(), calls.undetermined.len(), t.elapsed());
        for u in &calls.undetermined { println!("  {:#x} {:?} {}", u.at, u.function, u.why); }
    }
}
