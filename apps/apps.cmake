find_package(CLI11 REQUIRED)
add_executable(attend
  apps/attend.cpp apps/command.cpp apps/threads.cpp apps/terminal.cpp apps/data.cpp apps/train.cpp apps/translate.cpp
  apps/generate.cpp apps/score.cpp apps/evaluate.cpp apps/rerank.cpp apps/answer.cpp apps/caption.cpp apps/draw.cpp apps/info.cpp
  apps/trace.cpp)
target_link_libraries(attend PRIVATE attend::train attend::draw CLI11::CLI11 nlohmann_json::nlohmann_json attend_flags)
target_precompile_headers(attend REUSE_FROM attend_ops)
target_compile_options(attend PRIVATE ${attend_glue} -fPIC)  # as the header was precompiled; an executable would take -fPIE
set_source_files_properties(apps/attend.cpp apps/command.cpp apps/terminal.cpp apps/data.cpp apps/draw.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
if(ATTEND_SANITIZE)  # the program draws too
  target_sources(attend PRIVATE tests/draw/fontconfig.cpp)
  set_source_files_properties(tests/draw/fontconfig.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endif()
