# frozen_string_literal: true

require "json"

# A steady load on a server, by the program of ext/thrust/examples/load_client, which says what became of each request.
class LoadClient
  include Eventually

  TARGET = ENV.fetch("CARGO_TARGET_DIR") { File.join(DummyApp::PROJECT, "target") }
  EXECUTABLE = File.join(TARGET, "debug/examples/load_client")
  # For the requests under way: each has its own deadline of 30 s.
  LONGEST = 45

  # `until_refused`: a refused connection ends a worker and is no failure.
  def initialize(server, until_refused: false)
    raise "No #{EXECUTABLE}; run `cargo build --example load_client`" unless File.executable?(EXECUTABLE)

    words = [ "http://127.0.0.1:#{server.port}", "--ids", server.ledger, *("--until-refused" if until_refused) ]
    their_input, @input = IO.pipe
    @output, their_output = IO.pipe
    @words, their_words = IO.pipe
    @pid = Process.spawn(EXECUTABLE, *words, in: their_input, out: their_output, err: their_words)
    [ their_input, their_output, their_words ].each(&:close)
    @said = +""
    @listener = Thread.new { @words.each_line { @said << _1 } }
    @reader = Thread.new { @output.read }
  end

  # Returns when every worker has had a right answer.
  def steady(within: 60)
    eventually("a right answer for every worker of the load client", within:) do
      raise "the load client ended: #{report}" if ended?

      @said.include?("steady")
    end
  end

  # Ends the load. The report, as the program's header describes it.
  def finish
    @input.close
    report
  end

  # The report once the load has ended by itself.
  def report
    eventually("the end of the load client", within: LONGEST) { ended? }
    JSON.parse(@reader.value)
  end

  def stop
    Process.kill("KILL", @pid) unless ended?
    eventually("the end of the load client") { ended? }
    [ @listener, @reader ].each(&:join)
    [ @input, @output, @words ].each(&:close)
  end

  private
    def ended?
      @ended ||= Process.wait(@pid, Process::WNOHANG)
    end
end
