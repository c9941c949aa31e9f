// Fontconfig keeps its font list until the process ends; LeakSanitizer would call that a leak of ours.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the name is the sanitizer's
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
