#include <cstdio>

#include "io/error.h"
#include "src/exit_status.h"
#include "src/program.h"
#include "src/signals.h"

int main(int argc, char** argv) {
  try {
    bulk::Stop stop;
    const bulk::Signals signals(stop);
    return bulk::run_program({argv + 1, argv + argc}, bulk::process_environment(), stop);
  } catch (const bulk::Error& error) {
    std::fputs(("bulk: " + error.line() + "\n").c_str(), stderr);
    return bulk::exit_status(error);
  }
}
