//! The thin binary: everything is in the library, so that tests and benches reach it too.

fn main() -> std::process::ExitCode {
    saphan::cli::main()
}
