# Files of any size, made when they are first asked for. In large ones there is nothing, so that they are made at once.
class StoredFile
  DIRECTORY = Rails.root.join("storage/sizes")
  LARGE = 64

  # The path of the one with so many megabytes. Several processes may make it at once; none sees it half made.
  def self.of(megabytes)
    path = DIRECTORY.join("#{megabytes}.bin")
    return path if path.exist?

    DIRECTORY.mkpath
    draft = DIRECTORY.join("#{megabytes}.#{Process.pid}.#{Thread.current.object_id}")
    draft.open("wb") { |file| fill(file, megabytes) }
    draft.rename(path)
    path
  end

  def self.fill(file, megabytes)
    megabyte = DownloadsController::MEGABYTE
    megabytes < LARGE ? megabytes.times { file.write(megabyte) } : file.truncate(megabytes * megabyte.bytesize)
  end
  private_class_method :fill
end
