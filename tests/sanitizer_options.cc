// What the sanitizers are told, in the program and in every test program of the asan and tsan presets; empty elsewhere.
//
// Compiled in, since tests run the program with a clean environment: ASAN_OPTIONS and the like would not reach it.
// Those variables still override what stands here. An exit status of its own (99) matters because the sanitizers'
// default, 1, is also bulk's "failed", which many tests expect.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the sanitizers' own.
extern "C" {

const char* __asan_default_options() {
  return "exitcode=99:detect_stack_use_after_return=1:strict_init_order=1:check_initialization_order=1";
}

const char* __lsan_default_options() {
  return "exitcode=99";
}

const char* __ubsan_default_options() {
  return "exitcode=99:print_stacktrace=1";
}

const char* __tsan_default_options() {
  return "exitcode=99:second_deadlock_stack=1";
}

// oneTBB is not instrumented: what passes through its queues (the task objects themselves) looks unsynchronised. Only
// the top frame counts here, so that races in what a task does are still found.
const char* __tsan_default_suppressions() {
  return "called_from_lib:libtbb.so\n"
         "race_top:tbb::detail\n"
         "race_top:oneapi/tbb/\n"
         "race_top:bulk::TransformStage::Task\n"
         "race_top:bulk::TransformStage::Wait\n";
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)

#endif
