# frozen_string_literal: true

require "zlib"
require "thruster/assets/run"

RSpec.describe Thruster::Assets, :native do
  around { |example| Dir.mktmpdir { |root| @root = root and example.run } }

  let(:assets) { described_class.new(@root) }

  def put(name, content = "body { color: red }\n" * 500, mode: 0o644, modified: Time.at(1_700_000_000, 123_456_789, :nsec))
    path = File.join(@root, name)
    FileUtils.mkdir_p File.dirname(path)
    File.binwrite(path, content)
    File.chmod(mode, path)
    File.utime(modified, modified, path)
    path
  end

  def compress(assets = self.assets)
    found = []
    assets.compress { found << _1 }
    found.map { |result| [ File.basename(result.path), result.encoding, result.outcome ] }.sort
  end

  def siblings
    Dir.children(@root).grep(/\.(br|zst|gz)\z/).sort
  end

  # What a sibling stands for, by another decoder than the one that is tested; nil where there is none.
  def decoded(path)
    case File.extname(path)
    when ".gz" then Zlib.gunzip(File.binread(path))
    when ".zst" then decoded_by("zstd", "-dc", path)
    when ".br" then decoded_by("node", "-e", "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))", path)
    end
  end

  def decoded_by(program, *arguments)
    output, _, status = Open3.capture3(program, *arguments, binmode: true)
    output if status.success?
  rescue Errno::ENOENT
    nil
  end

  it "writes a sibling for each encoding, that is smaller and stands for the same bytes" do
    content = Random.new(1).bytes(3000).unpack1("H*") * 3
    put("app.js", content)

    expect(compress).to eq([ [ "app.js", "br", :written ], [ "app.js", "gz", :written ], [ "app.js", "zst", :written ] ])

    expect(siblings).to eq(%w[app.js.br app.js.gz app.js.zst])
    siblings.each do |name|
      path = File.join(@root, name)
      expect(File.size(path)).to be < content.bytesize
      expect(decoded(path)).to eq(content).or be_nil
    end
    expect(decoded(File.join(@root, "app.js.gz"))).to eq(content)
  end

  it "gives siblings the time and the mode of their file, and leaves nothing else behind" do
    put("app.css", mode: 0o640)

    compress

    expect(Dir.children(@root)).to contain_exactly("app.css", "app.css.br", "app.css.gz", "app.css.zst")
    expect(Dir.children(@root).map { File.stat(File.join(@root, _1)) }).to all(have_attributes(
      mode: 0o100640, mtime: Time.at(1_700_000_000, 123_456_789, :nsec)))
  end

  it "copies nothing that a link leads to elsewhere" do
    Dir.mktmpdir do |elsewhere|
      secret = File.join(elsewhere, "secret.txt").tap { File.write(_1, "secret\n" * 100) }
      put("app.css")
      File.symlink(secret, File.join(@root, "link.txt"))
      File.symlink(elsewhere, File.join(@root, "deep"))
      File.symlink("nowhere", File.join(@root, "dead.js"))
      File.symlink("app.css", File.join(@root, "same.css"))

      compress
    end

    expect(siblings).to eq(%w[app.css.br app.css.gz app.css.zst same.css.br same.css.gz same.css.zst])
  end

  it "is cleaned up after when it was killed, unless another run may still write" do
    put("deep/.thruster-old")
    put("deep/.thruster-new", modified: Time.now)
    put("deep/.other")
    put("deep/app.css")

    Thruster::Assets::Run.new(assets, output: StringIO.new).call

    expect(Dir.children(File.join(@root, "deep")) - %w[app.css app.css.br app.css.gz app.css.zst]).to contain_exactly(".thruster-new", ".other")
  end

  it "makes the same bytes each time" do
    put("a/app.css")
    put("b/app.css", modified: Time.now)

    compress

    described_class::ENCODINGS.each do |encoding|
      expect(File.binread(File.join(@root, "a/app.css.#{encoding}"))).to eq(File.binread(File.join(@root, "b/app.css.#{encoding}")))
    end
  end

  it "skips what is done, and does again what is older than its file" do
    put("app.css")
    compress
    untouched = File.stat(File.join(@root, "app.css.gz")).ino

    expect(compress.map(&:last)).to eq([ :kept ] * 3)
    expect(File.stat(File.join(@root, "app.css.gz")).ino).to eq(untouched)

    put("app.css", "body { color: blue }\n" * 500, modified: Time.at(1_700_000_001))

    expect(compress.map(&:last)).to eq([ :written ] * 3)
    expect(decoded(File.join(@root, "app.css.gz"))).to start_with("body { color: blue }")
  end

  it "writes none that is no smaller than its file, and removes one that was" do
    put("app.css")
    compress
    put("app.css", Random.new(2).bytes(2000), modified: Time.now)

    expect(compress.map(&:last)).to eq([ :larger ] * 3)
    expect(siblings).to be_empty
  end

  it "takes text, not what is compressed already, hidden, empty or a sibling" do
    %w[a.js b/c.SVG d.woff2 e.png f.zip .hidden.js g.txt.gz h].each { put(_1) }
    put("empty.css", "")

    expect(assets.files.map { _1.delete_prefix("#{@root}/") }).to eq(%w[a.js b/c.SVG])
  end

  it "finds its files in a directory whose name has the signs of a pattern" do
    odd = described_class.new(File.join(@root, "a [b] {c,d} *"))
    put("a [b] {c,d} */app.js")

    expect(odd.files).to eq([ File.join(@root, "a [b] {c,d} */app.js") ])
    expect(compress(odd).map(&:last)).to eq([ :written ] * 3)
  end

  it "finds siblings whose file is gone by the digest in their name" do
    put("app-0123abcd.js")
    %w[app-0123abcd.js.gz old-0123abcd.js.br old-0123abcd.js.zst data.csv.gz old-0123abcd.tar.gz].each { put(_1) }

    expect(assets.orphans.map { File.basename(_1) }).to eq(%w[old-0123abcd.js.br old-0123abcd.js.zst])

    assets.remove_orphans

    expect(siblings).to eq(%w[app-0123abcd.js.gz data.csv.gz old-0123abcd.tar.gz])
  end

  it "goes on after a file that cannot be done, and says why" do
    put("good.css")
    put("bad.css")
    FileUtils.mkdir_p File.join(@root, "bad.css.gz/in the way")
    File.utime(0, 0, File.join(@root, "bad.css.gz"))
    failed = []

    assets.compress { failed << _1 if _1.outcome == :failed }

    expect(failed.map { [ File.basename(_1.path), _1.encoding ] }).to eq([ %w[bad.css gz] ])
    expect(failed.first.message).to match(/directory/i)
    expect(siblings).to include("good.css.gz", "good.css.br", "bad.css.br")
  end

  it "refuses an encoding that it does not know" do
    put("app.css")

    expect { compress(described_class.new(@root, encodings: %w[br rar])) }
      .to raise_error(Thruster::Error, '"rar" is no encoding; there are br, zst, gz')
  end

  it "lets other threads run meanwhile" do
    put("app.css", Random.new(3).bytes(80_000).unpack1("H*"))
    turns = 0
    busy = true
    other = Thread.new { turns += 1 and Thread.pass while busy }

    before = turns
    compress
    busy = false
    other.join

    expect(turns - before).to be > 1000
  end

  it "ends soon with what the block raises; breaking out of it is fine too" do
    20.times { put("app#{_1}.css") }

    expect { assets.compress { raise IOError, "enough" } }.to raise_error(IOError, "enough")
    expect(assets.files.size.times { break 7 }).to eq(7)
    expect(assets.compress { break 7 }).to eq(7)
  end

  describe "when it takes long" do
    before { 8.times { |number| put("#{number}.css", Random.new(number).bytes(1_500_000).unpack1("H*")) } }

    def elapsed
      began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - began
    end

    it "ends when its thread is killed or its time is up, and leaves nothing half done" do
      time = elapsed do
        expect { Timeout.timeout(0.2) { compress } }.to raise_error(Timeout::Error)
        thread = Thread.new { compress }
        expect(thread.join(0.2)).to be_nil
        thread.kill.join
      end

      expect(time).to be < 10
      expect(Dir.children(@root).grep(/\A\./)).to be_empty
    end

    it "ends on an interrupt" do
      script = 'Signal.trap("INT", "DEFAULT"); $stdout.sync = true; puts "begun"; Thruster::Assets.new(ARGV[0]).compress { }'
      input, output, process = Open3.popen2(RbConfig.ruby, "-I", File.join(PROJECT, "lib"), "-r", "thruster", "-e", script, @root, err: File::NULL)
      expect(output.gets).to eq("begun\n")

      Process.kill("INT", process.pid)

      expect(process.join(20)).not_to be_nil
      expect(process.value.termsig).to eq(Signal.list["INT"])
    ensure
      [ input, output ].each(&:close)
      Process.kill("KILL", process.pid) if process.alive?
    end
  end

  describe Thruster::Assets::Run do
    let(:assets) { Thruster::Assets.new(@root) }

    def call
      output = StringIO.new
      described_class.new(assets, output:).call
      output.string
    end

    it "says in a line what came of it" do
      put("app-0123abcd.css", "body { color: red }\n" * 500)
      put("old-0123abcd.css.gz")

      expect(call).to match(/\ACompressed #{@root}: 1 file, 3 written, 0 up to date, 0 not worth it, 1 removed, whose file is gone; .*gz 10 kB to 1 kB.* \(\d+\.\d s\)\n\z/)
      expect(call).to match(/: 1 file, 0 written, 3 up to date, 0 not worth it \(\d+\.\d s\)\n\z/)
    end

    it "says every few seconds how far it is" do
      put("app.css")
      output = StringIO.new
      time = 0

      described_class.new(assets, output:, clock: -> { time += 3 }).call

      expect(output.string.lines).to match([ "Compressing #{@root}: 2 of 3\n", a_string_starting_with("Compressed") ])
    end

    it "fails after all others are done if one could not be written" do
      put("good.css")
      put("bad.css")
      FileUtils.mkdir_p File.join(@root, "bad.css.gz/in the way")
      File.utime(0, 0, File.join(@root, "bad.css.gz"))

      expect { call }.to raise_error(Thruster::Error, /\A#{@root}\/bad\.css\.gz was not written: /)
      expect(siblings).to include("good.css.gz")
    end
  end
end
