// One run of the program, from arguments to exit status: parses, runs the command, prints the summary and the error.
// The only place that catches what a command throws.
#pragma once

#include <string>
#include <vector>

#include "io/aws_config.h"
#include "io/stop.h"

namespace bulk {

// `arguments` without the program's name. Never throws.
int run_program(const std::vector<std::string>& arguments, const Environment& environment, Stop& stop);

}  // namespace bulk
