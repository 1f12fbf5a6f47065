# For tools that know node-gyp only (Electron's rebuild): it drives the CMake build, which is the one definition of what is
# compiled. `npm run build` is the usual way; npm itself never runs this file ("gypfile": false).
{
  'targets': [
    {
      'target_name': 'receptive',
      'type': 'none',
      'actions': [
        {
          'action_name': 'configure',
          'inputs': ['CMakeLists.txt'],
          'outputs': ['<(PRODUCT_DIR)/cmake/CMakeCache.txt'],
          'action': [
            'cmake', '-S', '.', '-B', '<(PRODUCT_DIR)/cmake',
            '-DCMAKE_BUILD_TYPE=<(CONFIGURATION_NAME)',
            '-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=<(PRODUCT_DIR)',
            '-DRECEPTIVE_NODE_DIR=<(node_root_dir)',
          ],
        },
        {
          'action_name': 'build',
          'inputs': ['<(PRODUCT_DIR)/cmake/CMakeCache.txt'],
          'outputs': ['<(PRODUCT_DIR)/receptive.node'],
          'action': ['cmake', '--build', '<(PRODUCT_DIR)/cmake', '--parallel', '<!(node -p "os.availableParallelism()")'],
        },
      ],
    },
  ],
}
