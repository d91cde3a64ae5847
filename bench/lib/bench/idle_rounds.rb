# frozen_string_literal: true

require "socket"

module Bench
  # Memory per idle connection: a fresh server each time, because one that has grown before has room left.
  class IdleRounds
    SETTLE_SECONDS = 0.5
    ANSWER_SECONDS = 10
    FIRST_REQUESTS = 20
    # Sockets of this process beside those it opens to the server.
    SPARE_DESCRIPTORS = 200

    def initialize(workload, peers, rounds:, connections:, directory:, progress:)
      @workload = workload
      @peers = peers
      @rounds = rounds
      @connections = connections
      @directory = directory
      @progress = progress
    end

    def call
      allow_descriptors
      rounds = Array.new(@rounds) do |index|
        order = index.even? ? @peers : @peers.reverse
        order.to_h { |peer| [ peer.name, measure(peer) ] }.tap { |round| @progress.call(index + 1, round) }
      end
      Result.new(workload: @workload, rounds:)
    end

    private

    def measure(peer)
      sockets = []
      peer.start(@workload, File.join(@directory, peer.name))
      Check.new(@workload, @directory).call(peer)
      # What the first requests allocate is not the connections'.
      port = URI(peer.url(@workload)).port
      connect(port).tap { |socket| FIRST_REQUESTS.times { get(socket) } }.close
      before = settled_memory(peer)
      @connections.times { sockets << connect(port).tap { |socket| get(socket) } }
      after = settled_memory(peer)
      Sample.new(cost: per_connection(before, after, :rss), faults: closed(sockets),
        details: { pss: per_connection(before, after, :pss), fresh_rss: before[:rss].to_f })
    ensure
      sockets.each(&:close)
      peer.stop
    end

    def connect(port) = TCPSocket.new("127.0.0.1", port).tap { |socket| socket.timeout = ANSWER_SECONDS }

    def get(socket)
      socket.write("GET #{@workload.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
      head = socket.gets("\r\n\r\n") || raise(Error, "the connection ended before the answer")
      length = head[/^content-length: *(\d+)/i, 1] || raise(Error, "no Content-Length in an answer: #{head}")
      socket.read(length.to_i)
    end

    def settled_memory(peer)
      sleep SETTLE_SECONDS
      Usage.memory_kib(peer.pids)
    end

    def per_connection(before, after, measure) = (after[measure] - before[measure]).fdiv(@connections)

    # A connection that the server has given up costs nothing, and is no figure.
    def closed(sockets)
      count = sockets.count { |socket| socket.read_nonblock(1, exception: false) != :wait_readable }
      count.zero? ? [] : [ "#{count} connections closed" ]
    end

    # Servers started from here inherit the limit.
    def allow_descriptors
      soft, hard = Process.getrlimit(:NOFILE)
      # A proxy holds a connection to the client and perhaps one to the app.
      wanted = (2 * @connections) + SPARE_DESCRIPTORS
      return if soft >= wanted
      raise Error, "#{@connections} idle connections need #{wanted} descriptors, ulimit -Hn is #{hard}" if hard < wanted

      Process.setrlimit(:NOFILE, wanted, hard)
    end
  end
end
