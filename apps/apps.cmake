file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/apps/verbs.def attend_verbs REGEX "^VERB\\(")
list(TRANSFORM attend_verbs REPLACE "^VERB\\([a-z]+, ([a-z_]+)\\)" "apps/\\1.cpp")
list(REMOVE_DUPLICATES attend_verbs)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/apps/verbs.def)
add_executable(attend
  apps/attend.cpp apps/command.cpp apps/failure.cpp apps/parse.cpp apps/places.cpp apps/output.cpp apps/help.cpp apps/completion.cpp
  apps/threads.cpp apps/terminal.cpp apps/background.cpp apps/parallel.cpp apps/evaluate_pairs.cpp apps/evaluate_answers.cpp ${attend_verbs})
target_link_libraries(attend PRIVATE attend::train attend::trace attend::synthetic attend::draw nlohmann_json::nlohmann_json attend_flags)
target_precompile_headers(attend REUSE_FROM attend_ops)
target_compile_options(attend PRIVATE ${attend_glue} -fPIC)  # as the header was precompiled; an executable would take -fPIE
set_source_files_properties(apps/attend.cpp apps/command.cpp apps/parse.cpp apps/places.cpp apps/output.cpp apps/help.cpp apps/completion.cpp apps/terminal.cpp apps/background.cpp apps/data.cpp apps/draw.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
if(ATTEND_SANITIZE)  # the program draws too
  target_sources(attend PRIVATE tests/draw/fontconfig.cpp)
  set_source_files_properties(tests/draw/fontconfig.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endif()
