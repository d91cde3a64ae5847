# frozen_string_literal: true

RSpec.describe "exe/thrust" do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  def thrust(*arguments, binary:, environment: {}, ruby: [])
    run RbConfig.ruby, *ruby, File.join(PROJECT, "exe/thrust"), *arguments,
      environment: { "THRUSTER_EXECUTABLE" => binary }.merge(environment)
  end

  def stub(script)
    write_program(File.join(@root, "thrust"), script)
  end

  it "passes every argument on as it is" do
    binary = stub('for argument; do printf "<%s>" "$argument"; done')

    outcome = thrust("--version", "", "two words", "*", "$HOME; exit 3", "-x", binary:)

    expect(outcome.output).to eq("<--version><><two words><*><$HOME; exit 3><-x>")
  end

  it "takes no shell when there are no arguments" do
    binary = write_program(File.join(@root, "a (b) $c/thrust"), 'printf "%s" "$#"')

    expect(thrust(binary:).output).to eq("0")
  end

  it "ends with the binary's status" do
    expect(thrust(binary: stub("exit 9")).status.exitstatus).to eq(9)
  end

  it "becomes the binary: signals reach it, and no process stands between" do
    expect(thrust(binary: stub("kill -TERM $$")).status.termsig).to eq(15)
  end

  it "tells the binary by which script it was started, whatever another one has told it" do
    binary = stub('printf "%s" "$THRUSTER_LAUNCHER"')

    outcome = thrust(binary:, environment: { "THRUSTER_LAUNCHER" => "/elsewhere/thrust" })

    expect(outcome.output).to eq(File.join(PROJECT, "exe/thrust"))
  end

  it "passes on the sockets that systemd opened: same process, same numbers" do
    binary = stub('printf "%s %s " "$LISTEN_FDS" "$(($$ == LISTEN_PID))"; readlink /proc/$$/fd/3 /proc/$$/fd/4')
    files = %w[ first second ].map { File.new(File.join(@root, _1), "w") }
    script = 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'

    output, = Open3.capture2({ "THRUSTER_EXECUTABLE" => binary }, "/bin/sh", "-c", script, "sh", RbConfig.ruby,
      File.join(PROJECT, "exe/thrust"), 3 => files[0], 4 => files[1])

    expect(output).to eq("2 1 #{files.map { "#{_1.path}\n" }.join}")
  end

  it "says what to do when the binary is missing, with status 1" do
    outcome = thrust(binary: "/nowhere/thrust")

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to start_with('thrust: THRUSTER_EXECUTABLE is "/nowhere/thrust"; there is no such file')
    expect(outcome.output).to be_empty
  end

  it "says why the binary cannot be run, with status 1" do
    binary = stub("")
    File.write(binary, "#!/nowhere/loader\n")

    outcome = thrust(binary:)

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to match(/\Athrust: #{binary} cannot be run: No such file or directory/)
  end

  it "does not start itself again and again" do
    outcome = thrust(binary: File.join(PROJECT, "exe/thrust"))

    expect(outcome.status.exitstatus).to eq(1)
    expect(outcome.errors).to include("is the script that looks for the binary")
  end

  it "loads neither Rails nor an extension of ours, and little of the gem" do
    witness = File.join(@root, "witness.rb")
    File.write(witness, "before = $LOADED_FEATURES.dup\nat_exit { puts $LOADED_FEATURES - before }\n")

    loaded = thrust(binary: "/nowhere/thrust", ruby: [ "-r", witness ]).output.lines(chomp: true)

    names = loaded.select { _1.start_with?("/") }.map { File.basename(_1) }
    expect(names).to contain_exactly("witness.rb", "errors.rb", "executable.rb", "remedy.rb")
  end
end
