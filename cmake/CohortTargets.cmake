# One library per folder (co_<folder>), made of every .c file in it: adding a plug-in needs no edit here.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

# Hundreds of programs of static libraries, for the tests: a faster linker where there is one and no other is named.
if(COHORT_TESTS AND NOT CMAKE_EXE_LINKER_FLAGS MATCHES "-fuse-ld=")
    include(CheckLinkerFlag)
    foreach(linker lld gold)
        check_linker_flag(C -fuse-ld=${linker} CO_LINKS_BY_${linker})
        if(CO_LINKS_BY_${linker})
            add_link_options(-fuse-ld=${linker})
            break()
        endif()
    endforeach()
endif()

# Bits must not depend on what the compiler fuses: no contraction, no fast-math.
function(co_options target)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE CO_VERSION="${PROJECT_VERSION}")
    target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno -Wall -Wextra -Wshadow
                           -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes
                           # numbers of enumerations are counts too; a row of a table says what it has, the rest is zero
                           "$<$<C_COMPILER_ID:Clang>:-Wno-enum-float-conversion;-Wno-enum-enum-conversion>"
                           -Wno-missing-field-initializers)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
    if(COHORT_SANITIZE)
        target_compile_options(${target} PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=all
                               -fno-omit-frame-pointer -g1) # functions and lines, which is all that stacks show
        target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    endif()
endfunction()

# The kernels are one source, compiled for each instruction set; the program chooses at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/models/kernels/avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/models/kernels/avx512.c PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mfma;-mprefer-vector-width=512")
endif()

if(COHORT_SANITIZE) # where its time goes; -O3 takes longer to compile than it saves
    foreach(path reference plain avx2 avx512)
        set_property(SOURCE ${PROJECT_SOURCE_DIR}/models/kernels/${path}.c APPEND PROPERTY COMPILE_OPTIONS -O2)
    endforeach()
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

function(co_folder name)
    cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.c ${PROJECT_SOURCE_DIR}/${name}/*/*.c)
    list(FILTER sources EXCLUDE REGEX "cli/main\\.c$")
    add_library(co_${name} STATIC ${sources})
    target_include_directories(co_${name} SYSTEM PRIVATE ${RANDOM123_INCLUDE_DIR})
    target_link_libraries(co_${name} PUBLIC ${co_dependencies} Threads::Threads m)
    foreach(used ${ARG_USES})
        target_link_libraries(co_${name} PUBLIC co_${used})
    endforeach()
    co_options(co_${name})
endfunction()
