# Short programs, each built and run by a test on a model that the test trains for a moment.
if(ATTEND_BUILD_TESTS)
  add_executable(example_translate examples/translate.cpp)
  target_link_libraries(example_translate PRIVATE attend::decode)
  target_precompile_headers(example_translate REUSE_FROM attend_ops)
  target_link_libraries(example_translate PRIVATE attend_flags)
  target_compile_options(example_translate PRIVATE -fPIC)
endif()
