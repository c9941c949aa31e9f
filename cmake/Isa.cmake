# attend_isa_sources(target [SETS set...] SOURCES source...): compiles sources of a room once for each instruction set and adds the objects
# to its target. Without SETS: portable, avx2 and avx512. A set of another kind of processor is left out. Which of them may run is found out
# when the program starts (attend/kernels/isa.h).
function(attend_isa_sources target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SETS;SOURCES")
  set(sets ${arg_SETS})
  if(NOT sets)
    set(sets portable avx2 avx512)
  endif()
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(FILTER sets INCLUDE REGEX "^portable$")
  endif()
  set(flags_portable "")
  set(flags_avx2 -mavx2 -mfma -mf16c)
  set(flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c
      -Wno-maybe-uninitialized -Wno-uninitialized)  # g++ 12 takes its own intrinsics' undefined lanes for a mistake
  set(flags_avx512_vnni ${flags_avx512} -mavx512vnni)
  set(flags_avx512_bf16 ${flags_avx512_vnni} -mavx512bf16)
  set(optimise -O3)
  if(ATTEND_SANITIZE)
    set(optimise -O1)  # instrumented loops take minutes to compile with more
  endif()
  foreach(isa IN LISTS sets)
    set(objects ${target}_${isa})
    if(TARGET ${objects})
      target_sources(${objects} PRIVATE ${arg_SOURCES})
      continue()
    endif()
    add_library(${objects} OBJECT ${arg_SOURCES})
    # Names of their own, and no headers of others: what is inline in a header would be compiled with these flags for the whole program.
    set_target_properties(${objects} PROPERTIES UNITY_BUILD OFF DISABLE_PRECOMPILE_HEADERS ON POSITION_INDEPENDENT_CODE ON)
    target_compile_definitions(${objects} PRIVATE ATTEND_ISA_${isa})
    target_compile_options(${objects} PRIVATE ${optimise} -ffp-contract=off ${flags_${isa}})
    target_include_directories(${objects} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${objects} PRIVATE attend_flags)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    set_property(GLOBAL APPEND PROPERTY ATTEND_ISA_OBJECTS $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
