// What sanitizers say of fontconfig and is no mistake of ours: it keeps its font list until the process ends, and its threads
// are synchronised by means that a library without instrumentation does not show. The names are the sanitizers'.
extern "C" const char* __lsan_default_suppressions();  // NOLINT
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
extern "C" const char* __tsan_default_suppressions();  // NOLINT
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libfontconfig\nrace:libfontconfig\n"; }
